"""What a full-scale cell needs before it runs: memory per GPU, time, GPU-hours and money."""
