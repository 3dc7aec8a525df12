"""Language codes: ISO 639-2 and 639-3's three letters to the two that BCP 47 (RFC 5646, 2.2.1) asks for.

``languages.txt`` holds every code: those of two letters alone, those of three by their first two letters,
each followed by the third letters there are (``aabc``: aab, aac). From IANA's language subtag registry and ISO 639-3.
"""
from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NOT_KNOWN = frozenset({"und", "mul", "mis", "zxx"})
_PAIRS = """
aar aa abk ab ave ae afr af aka ak amh am arg an ara ar asm as ava av aym ay aze az bak ba bel be bul bg bih bh
bis bi bam bm ben bn bod bo tib bo bre br bos bs cat ca che ce cha ch cos co cre cr ces cs cze cs chu cu chv cv
cym cy wel cy dan da deu de ger de div dv dzo dz ewe ee ell el gre el eng en epo eo spa es est et eus eu baq eu
fas fa per fa ful ff fin fi fij fj fao fo fra fr fre fr fry fy gle ga gla gd glg gl grn gn guj gu glv gv hau ha
heb he hin hi hmo ho hrv hr hat ht hun hu hye hy arm hy her hz ina ia ind id ile ie ibo ig iii ii ipk ik ido io
isl is ice is ita it iku iu jpn ja jav jv kat ka geo ka kon kg kik ki kua kj kaz kk kal kl khm km kan kn kor ko
kau kr kas ks kur ku kom kv cor kw kir ky lat la ltz lb lug lg lim li lin ln lao lo lit lt lub lu lav lv mlg mg
mah mh mri mi mao mi mkd mk mac mk mal ml mon mn mar mr msa ms may ms mlt mt mya my bur my nau na nob nb nde nd
nep ne ndo ng nld nl dut nl nno nn nor no nbl nr nav nv nya ny oci oc oji oj orm om ori or oss os pan pa pli pi
pol pl pus ps por pt que qu roh rm run rn ron ro rum ro rus ru kin rw san sa srd sc snd sd sme se sag sg sin si
slk sk slo sk slv sl smo sm sna sn som so sqi sq alb sq srp sr ssw ss sot st sun su swe sv swa sw tam ta tel te
tgk tg tha th tir ti tuk tk tgl tl tsn tn ton to tur tr tso ts tat tt twi tw tah ty uig ug ukr uk urd ur uzb uz
ven ve vie vi vol vo wln wa wol wo xho xh yid yi yor yo zha za zho zh chi zh zul zu cmn zh
"""
_TWO = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))


def tag(code: str) -> str | None:
    """The BCP 47 tag of a code or tag in any case; None where no language is called so."""
    first, hyphen, rest = code.strip().replace("_", "-").partition("-")
    first = _TWO.get(first.lower(), first.lower())
    made = first + hyphen + rest
    return made if _TAG.fullmatch(made) and first in _codes() else None


def says_nothing(code: str) -> bool:
    """Whether a code is one of those that stand for "not known", "several" or "none"."""
    return code.strip().lower() in _NOT_KNOWN


@lru_cache(maxsize=1)
def _codes() -> frozenset[str]:
    words = files("builder.catalog.importers").joinpath("languages.txt").read_text("ascii").split()
    private = {f"q{second}{third}" for second in "abcdefghijklmnopqrst" for third in "abcdefghijklmnopqrstuvwxyz"}
    return frozenset(private.union(
        {word for word in words if len(word) == 2}, (word[:2] + third for word in words for third in word[2:])))
