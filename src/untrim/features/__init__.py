"""From video files to feature folders: backbones, extraction, storage."""
