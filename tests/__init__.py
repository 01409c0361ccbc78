"""Nothing that is imported is garbage: none is looked for until `conftest.keep_imported`."""

import gc

gc.disable()
