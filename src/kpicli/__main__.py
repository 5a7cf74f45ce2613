"""Start of the command ``kpicli``."""

import sys


def main() -> None:
    """Run the command line; the version is told before anything is loaded."""
    if sys.argv[1:] == ["--version"]:
        from kpicli import __version__

        sys.stdout.write(f"kpicli {__version__}\n")
        return
    from kpicli.cli import run

    run()


if __name__ == "__main__":
    main()
