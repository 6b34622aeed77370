"""From tables to conclusions and pages: effects, verdicts, figures, REPORT.md and the console."""
