// What scripts say. The builder has put each message in the site's language already, a plural as the list of its forms.
const form = (n) => Number({{ plural }});

// _("Open it at %(host)s", { host })
export const _ = (text, values = {}) => text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

// ngettext("%(n)s lecture", "%(n)s lectures", count)
export const ngettext = (forms, n, values = {}) => _(forms[form(n)], { n: n.toLocaleString(document.documentElement.lang), ...values });
