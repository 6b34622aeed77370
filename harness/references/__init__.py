"""Published numbers: tables and curves of a paper, each with its source; read and checked."""
