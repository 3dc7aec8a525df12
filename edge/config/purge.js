// Forgets what nginx keeps, which it cannot do by itself: an entry is a file, and without its file it is a miss.
import crypto from 'crypto';
import fs from 'fs';

function answer(r) {
    if (r.headersIn['X-Forwarded-For'] !== undefined) {
        return r.return(403);  // a proxy's own address purges nothing for others
    }
    if (r.headersIn['xkey-purge'] !== undefined) {
        return r.return(501);  // nothing here knows tags
    }
    if (r.headersIn['purge-everything'] !== undefined) {
        empty(r.variables.document_root + '/', 2);
    } else {
        forget(r.variables.document_root + '/' + fileOf(r.variables.page));
    }
    r.return(200);
}

// As proxy_cache_path has it, levels=1:2.
function fileOf(key) {
    const name = crypto.createHash('md5').update(key).digest('hex');
    return name.slice(-1) + '/' + name.slice(-3, -1) + '/' + name;
}

function empty(folder, levels) {
    fs.readdirSync(folder).forEach(name => {
        if (levels) {
            empty(folder + name + '/', levels - 1);
        } else {
            forget(folder + name);
        }
    });
}

function forget(file) {
    try {
        fs.unlinkSync(file);
    } catch (e) {
        if (e.code !== 'ENOENT') {
            throw e;
        }
    }
}

export default { answer };
