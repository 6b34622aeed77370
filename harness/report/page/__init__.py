"""The report as one HTML page: claims, interactive curves, tables, samples; no network."""
