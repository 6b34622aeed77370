"""From a command line to a matrix of cells: config, ablation, arms, inputs, ids."""
