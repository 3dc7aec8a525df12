// How many letters must be put in, left out, changed or swapped with the next to make one word of another (Damerau's distance,
// no letter touched twice); more than `most` counts as one more. With `begun`, to make a word's beginning of it.
export function distance(typed, meant, most, begun) {
  const a = Array.from(typed);
  const b = Array.from(meant);
  if (begun) b.length = Math.min(b.length, a.length + most);
  if (Math.abs(a.length - b.length) > most && !begun) return most + 1;
  let before = [];
  let last = b.map((_, n) => n + 1);
  last.unshift(0);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j += 1) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
      least = Math.min(least, row[j]);
    }
    if (least > most) return most + 1;
    before = last;
    last = row;
  }
  return begun ? Math.min(...last) : last[b.length];
}
