"""`python -m py_callcenter`: the command `callcenter`."""

from py_callcenter.cli import main

if __name__ == "__main__":
    main()
