"""Which definition of a tool is trusted: pinned at first sight, kept until a person accepts another one."""
