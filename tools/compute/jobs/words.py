"""How jobs are spoken of: their kinds, their states, how long they take."""

from __future__ import annotations

from datetime import datetime

from ....resources.foundation.clock import now
from ....resources.foundation.language import Text
from ....resources.job import Cut, JobState, Progress

STATE_WORDS: dict[JobState, Text] = {
    "queued": Text("queued", "排隊中"),
    "unreachable": Text("unreachable (the connection is lost)", "連線中斷"),
    "running": Text("running", "執行中"),
    "succeeded": Text("done", "已完成"),
    "failed": Text("failed", "失敗"),
    "cancelled": Text("cancelled", "已取消"),
    "interrupted": Text("interrupted", "已中斷"),
}
_KINDS: dict[str, Text] = {
    "regenerate": Text("Data preparation", "準備資料"),
    "prepare": Text("Data preparation", "準備資料"),
    "preview": Text("Data preview", "預覽資料"),
    "validate": Text("Data validation", "驗證資料"),
    "label": Text("Proposing labels", "提案標籤"),
    "convert": Text("Format conversion", "轉換格式"),
    "train": Text("Training", "訓練"),
    "evaluate": Text("Evaluation", "評估"),
    "compare": Text("Comparison", "比較"),
    "reproduce": Text("Reproduction", "重現"),
    "try": Text("Trying a model", "試用模型"),
    "deploy": Text("Deployment", "部署"),
    "upload": Text("Upload", "上傳"),
    "export": Text("Export", "匯出"),
    "import": Text("Import", "匯入"),
    "serve": Text("Model service", "模型服務"),
    "environment": Text("Worker environment", "工作環境"),
    "base_model": Text("Base model download", "下載基礎模型"),
    "machine": Text("Worker environment on another machine", "其他機器的工作環境"),
    "price": Text("Price of a rented machine", "查詢租用價格"),
    "give_back": Text("Giving a rented machine back", "退租機器"),
}


def kind_name(kind: str) -> Text:
    return _KINDS.get(kind) or Text(kind, kind)


def duration(seconds: float) -> str:
    """`35 s`, `4 min`, `2.5 h` (in the call's language)."""
    if seconds < 90:
        return str(Text(f"{seconds:.0f} s", f"{seconds:.0f} 秒"))
    if seconds < 5400:
        return str(Text(f"{seconds / 60:.0f} min", f"{seconds / 60:.0f} 分鐘"))
    return str(Text(f"{seconds / 3600:.1f} h", f"{seconds / 3600:.1f} 小時"))


def cut_in_words(cut: Cut) -> Text:
    """`the link to gpubox was cut 3 min ago and is tried again; what runs there goes on`."""
    since = duration(max(1.0, (datetime.fromisoformat(now()) - datetime.fromisoformat(cut.since)).total_seconds()))
    return Text(
        f"the link to {cut.machine} was lost {since} ago and is being retried; what runs there goes on",
        f"與 {cut.machine} 的連線在 {since}前中斷，正在重試；那裡的工作會繼續",
    )


def size(count: float) -> str:
    """Bytes for a person: `2.6 MB`, `1.2 GB` (decimal, as disks and download pages count)."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def progress_line(progress: Progress) -> str:
    """One line for a person: `step/total · message · loss 0.41 · about 35 s left`."""
    parts = []
    if progress.total or progress.step:
        parts.append(f"{progress.step}/{progress.total}" if progress.total else str(progress.step))
    if progress.message:
        parts.append(progress.message)
    parts += [f"{name} {value:.4g}" for name, value in progress.measures.items() if value is not None]
    if progress.eta_seconds:
        left = duration(progress.eta_seconds)
        parts.append(str(Text(f"about {left} left", f"大約還要 {left}")))
    return " · ".join(parts)
