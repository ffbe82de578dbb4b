//! Frames and events of FreeSWITCH's event socket.
