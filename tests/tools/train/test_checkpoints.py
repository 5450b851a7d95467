from __future__ import annotations

import json
from pathlib import Path

import pytest

from nlp_skills.tools.train import checkpoints


def write(folder: Path, step: int, sealed: bool = True) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_model.safetensors").write_bytes(b"weights")
    (checkpoint / "optimizer.pt").write_bytes(b"moments")
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": [{"step": step}]}))
    if sealed:
        checkpoints.seal(checkpoint)
    return checkpoint


def test_only_sealed_checkpoints_count_and_the_rest_is_cleared_away(tmp_path: Path) -> None:
    whole, torn = write(tmp_path, 9), write(tmp_path, 10, sealed=False)
    assert checkpoints.sealed_checkpoints(tmp_path) == {9: whole}
    checkpoints.discard_unsealed(tmp_path)
    assert not torn.exists() and whole.exists()


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(b"wei")])
def test_a_checkpoint_that_lost_bytes_after_its_seal_does_not_count(tmp_path: Path, damage: object) -> None:
    checkpoint = write(tmp_path, 5)
    damage(checkpoint / "adapter_model.safetensors")  # type: ignore[operator]
    assert checkpoints.sealed_checkpoints(tmp_path) == {}


def test_checkpoints_are_ordered_by_step_and_old_ones_go(tmp_path: Path) -> None:
    for step in (100, 9, 20):
        write(tmp_path, step)
    assert list(checkpoints.sealed_checkpoints(tmp_path)) == [9, 20, 100]
    checkpoints.keep_only(tmp_path, {9, 100})
    assert list(checkpoints.sealed_checkpoints(tmp_path)) == [9, 100]
    assert not (tmp_path / "checkpoint-20").exists()


def test_the_model_is_what_a_checkpoint_holds_beside_the_optimiser(tmp_path: Path) -> None:
    checkpoint = write(tmp_path, 3)
    assert [file.name for file in checkpoints.model_files(checkpoint)] == ["adapter_model.safetensors"]
    assert checkpoints.training_history(checkpoint) == (3, [{"step": 3}])


def test_no_folder_means_no_checkpoint(tmp_path: Path) -> None:
    assert checkpoints.sealed_checkpoints(tmp_path / "none") == {}
    checkpoints.discard_unsealed(tmp_path / "none")
