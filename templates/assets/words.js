// What scripts say. The builder has put each message in the site's language already, a plural as the list of its forms.
const form = (n) => Number({{ plural }});

// A text, with values in the places of their names.
export const _ = (text, values = {}) => text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

// The form of a text that goes with n, which stands in it.
export const ngettext = (forms, n, values = {}) => _(forms[form(n)], { n: n.toLocaleString(document.documentElement.lang), ...values });
