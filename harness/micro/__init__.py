"""The micro-world: a procedural reasoning task, its tokenizer and the base model trained on it.

Command lines: ``python -m harness.micro.pretrain out=<dir>`` makes the base model,
``python -m harness.micro.probe model=<dir>`` measures one. torch and transformers are
imported inside functions only.
"""
