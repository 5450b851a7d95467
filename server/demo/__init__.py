"""The demonstration: the main job from wish to deployed model, offline."""
