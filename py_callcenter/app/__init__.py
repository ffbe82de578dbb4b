"""The process: wires engine, switches, database and HTTP together. The only place that knows threads."""
