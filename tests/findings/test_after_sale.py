"""Second orders by what came before: a finding only where the newcomers tell the two apart."""

from carnet.findings import after_sale
from carnet.wording import Wording

W = Wording("en", "EUR")
ROW = dict(event="contact", with_count=40, with_rate=0.8, without_count=50, without_rate=0.5)


def test_only_what_is_told_apart_is_a_finding():
    told = ROW | {"difference_low": 0.1, "difference_high": 0.45}
    found = after_sale.sure(W, told)
    assert found is not None and "80% of 40 contacted" in found.sentence
    assert found.sentence == after_sale.second(W, told)
    unsure = ROW | {"difference_low": -0.1, "difference_high": 0.45}
    assert after_sale.sure(W, unsure) is None
    assert "do not tell the two apart" in after_sale.second(W, unsure)
    unknown = ROW | {"difference_low": float("nan"), "difference_high": float("nan")}
    assert after_sale.sure(W, unknown) is None and after_sale.second(W, unknown) == ""
