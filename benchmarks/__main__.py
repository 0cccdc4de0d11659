"""Every speed benchmark that needs no browser, one after the other: ``make bench``."""

from benchmarks import adder_speed, language_speed

if __name__ == "__main__":
    adder_speed.main()
    language_speed.main()
