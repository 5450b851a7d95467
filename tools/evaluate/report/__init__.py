"""`report.html`: one evaluation for people, in one file that needs no network, in both languages.

python -m nlp_skills.tools.evaluate.report TASK_FOLDER v2     writes it again, with the versions made since
"""

from .page import write_report

__all__ = ["write_report"]
