"""`python -m desktop_app` is the same as `barograph`."""

from desktop_app.cli import main

if __name__ == "__main__":
    main()
