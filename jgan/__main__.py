"""`python -m jgan COMMAND ...`, which is `jgan COMMAND ...`."""

from jgan.cli import main

if __name__ == "__main__":
    main()
