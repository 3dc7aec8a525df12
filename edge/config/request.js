// Viewer request, CloudFront Functions runtime 2.0: one spelling of each address, as the origin has it; then the object's own name.
function handler(event) {
    const request = event.request;
    const path = request.uri;
    if (/%2f|%5c|%00|[\\]|\/\/|\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path) || /%(?![0-9A-Fa-f]{2})/.test(path) || !path.startsWith('/')) {
        return refusal(400, 'Bad Request');
    }
    // No address of ours encodes ASCII, so an encoded letter is no second way to what is shut, or to the API.
    if (/%[0-7]/.test(path) || /^\/(?:retained\/|404\.html$|api(?:\/|$)|(?:healthz|readyz|metrics)$|\.(?!well-known\/))/.test(path)) {
        return refusal(404, 'Not Found');
    }
    if (path.startsWith('/protected/')) {
        return KEYS ? request : refusal(403, 'Forbidden');
    }
    if (/\/\./.test(path.slice(1))) {
        return refusal(404, 'Not Found');
    }
    if (path.endsWith('/index.html')) {
        return moved(path.slice(0, -'index.html'.length), request.querystring);
    }
    if (/\/[^/.]+$/.test(path)) {
        return moved(path + '/', request.querystring);
    }
    if (path.endsWith('/')) {
        request.uri = path + 'index.html';
    }
    return request;
}

function moved(path, query) {
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: {'location': {value: path + asked(query)}, 'cache-control': {value: SPELLING}}
    };
}

function refusal(status, phrase) {
    return {
        statusCode: status,
        statusDescription: phrase,
        headers: {'cache-control': {value: 'no-store'}, 'content-type': {value: 'text/html; charset=utf-8'}},
        body: {
            encoding: 'text',
            data: '<!doctype html><html lang="en"><title>' + status + ' ' + phrase + '</title><h1>' + status + ' ' + phrase + '</h1></html>\n'
        }
    };
}
