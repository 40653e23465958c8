"""`python -m ibactors` is the command `ibactors`."""

from ibactors.cli import main

if __name__ == "__main__":
    main()
