"""Upload a version to the Hugging Face Hub, private unless you say otherwise.

    uv run python scripts/06_upload_hf.py --help
"""

import sys

try:
    from nlp_skills import __version__
    from nlp_skills.resources.version import task_of_script
    from nlp_skills.tools.deploy.upload import main
except ModuleNotFoundError as missing:
    if (missing.name or "").split(".")[0] != "nlp_skills":
        raise
    sys.exit(
        "nlp-skills 2.0.0 is not installed for this Python. In the task's folder, run\n"
        "  uv run python scripts/06_upload_hf.py\n"
        "or\n"
        "  pip install 'wheels/nlp_skills-2.0.0-py3-none-any.whl[train]' && python scripts/06_upload_hf.py"
    )

if __version__ != "2.0.0":
    print(f"note: this task was made with nlp-skills 2.0.0; {__version__} is installed here.", file=sys.stderr)

if __name__ == "__main__":
    sys.exit(main(task_of_script(__file__), sys.argv[1:]))
