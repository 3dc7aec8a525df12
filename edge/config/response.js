// Viewer response, CloudFront Functions runtime 2.0: what stands in an object's metadata becomes a status and a Location, and the
// line of the caches that can be purged becomes that of the browser, which cannot. CloudFront calls it below 400 only.
function handler(event) {
    const request = event.request;
    const response = event.response;
    const headers = response.headers;
    const status = value(headers, 'x-amz-meta-status');
    const location = value(headers, 'x-amz-meta-location');
    if (response.statusCode === 200) {
        if (/^30[12]$/.test(status) && /^\/(?!\/)[!-~]*$/.test(location)) {
            response.statusCode = Number(status);
            response.statusDescription = status === '301' ? 'Moved Permanently' : 'Found';
            headers['location'] = {value: location + (/[?#]/.test(location) ? '' : asked(request.querystring))};
        } else if (status === '410') {
            response.statusCode = 410;
            response.statusDescription = 'Gone';
        }
    }
    if (value(headers, 'content-encoding') === 'gzip' && !headers['vary']) {
        headers['vary'] = {value: 'Accept-Encoding'};
    }
    if (request.uri.startsWith('/protected/')) {
        headers['cache-control'] = {value: 'no-store'};  // it must not outlive its signature
    } else if (headers['cache-control']) {
        headers['cache-control'] = {value: headers['cache-control'].value.replace(/,? *s-maxage=[0-9]+/i, '')};
    }
    Object.keys(headers).forEach(function (name) {
        if (name.startsWith('x-amz-meta-') || name === 'x-amz-server-side-encryption' || name === 'x-amz-version-id') {
            delete headers[name];
        }
    });
    return response;
}

function value(headers, name) {
    return headers[name] ? headers[name].value : '';
}
