"""How the training libraries are to behave in a job; said through the environment before they are imported."""

from __future__ import annotations

import os
import warnings


def settle_libraries() -> None:
    """Offline, silent, and considerate of other processes. Call before anything imports them.

    What a job needs is on this machine when it starts: nothing may be asked of the network, and TRL reports its use
    otherwise. Waiting threads sleep: where other processes want the processors too, spinning ones were seen to make
    a small training six times slower. What the person has set for threads stays.
    """
    os.environ.update(
        HF_HUB_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        TOKENIZERS_PARALLELISM="false",
        TQDM_DISABLE="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
    )
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # What a library will call otherwise one day is nothing a person can act on.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|trl|datasets)\b")
