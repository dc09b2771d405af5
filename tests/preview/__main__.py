"""`make preview`: writes the page and prints where it is. `--pictures` also makes the documentation's pictures again."""

import asyncio
import sys

from tests.preview.page import write
from tests.preview.pictures import take

if __name__ == "__main__":
    written = write()
    print(written)
    if "--pictures" in sys.argv[1:]:
        for picture in asyncio.run(take(written)):
            print(picture)
