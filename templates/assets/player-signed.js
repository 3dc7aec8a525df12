// An address that may hold for minutes only, and what is asked beside it.
const EARLY_MS = 30_000;

// What `way` is asked by: `renew` asks the API for a new address, `fresh` gives the address of a segment as it is now.
export function signedWay(way) {
  let { file: url, ends, query } = way;
  let renewing = null; // one question for all the pieces that wait for it
  const folders = [folderOf(url)]; // each that was signed: a playlist's segments stand as they were when it was read

  const renew = async () => {
    const now = await way.renew?.(way);
    if (!now) return false;
    ({ file: url, ends, query } = now);
    folders.unshift(folderOf(url));
    return true;
  };

  return {
    get url() { return url; },
    get query() { return query; },
    canRenew: Boolean(way.renew),
    get isOver() { return ends <= performance.now(); },
    renew,
    async fresh(asked) {
      if (ends - performance.now() < EARLY_MS) await (renewing ??= renew().finally(() => { renewing = null; }));
      const folder = folders.find((one) => asked.startsWith(one));
      if (!folder) return asked; // of another place: what signs ours must not go there
      const at = new URL(folders[0] + asked.slice(folder.length));
      for (const [name, value] of new URLSearchParams(query || "")) at.searchParams.set(name, value);
      return at.href;
    },
  };
}

const folderOf = (url) => new URL(".", new URL(url, location.href)).href;
