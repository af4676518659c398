"""`python -m p2ptrade`: the same as the command `p2ptrade`."""

from p2ptrade.cli import main

if __name__ == "__main__":
    main()
