"""untrim: find when actions happen in untrimmed videos, told only which actions happen."""
