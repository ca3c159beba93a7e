"""What a trained run says of one video at a time: its network, its features, a predictor that stays ready."""
