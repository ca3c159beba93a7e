"""Evaluation: matching, detection mAP, and what it is measured by."""
