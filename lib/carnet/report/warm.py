"""What every notebook's process would make again, made once before it is forked:
the catalogues of words, the validators of notebooks, the templates of pages.
"""

from nbformat import current_nbformat
from nbformat.validator import get_validator

from carnet.report.pages import body_exporter
from carnet.wording import LOCALES, Wording

for language in LOCALES:
    Wording(language, "EUR")._("customers")
for relaxed in (False, True):
    get_validator(current_nbformat, relax_add_props=relaxed)
page_template = body_exporter().template
