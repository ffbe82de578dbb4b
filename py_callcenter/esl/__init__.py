"""The event socket of FreeSWITCH: one builder of commands, one connection class, one link per node."""
