"""Video files: decoding, optical flow, and rendered corpora."""
