
// The query, which was no key, as it came.
function asked(query) {
    const parts = [];
    Object.keys(query).forEach(function (name) {
        (query[name].multiValue || [query[name]]).forEach(function (one) {
            parts.push(one.value === '' ? name : name + '=' + one.value);
        });
    });
    const text = parts.join('&');
    return text && /^[!-~]*$/.test(text) ? '?' + text : '';
}
