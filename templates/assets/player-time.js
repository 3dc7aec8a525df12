// Places in time, as addresses and people write them.
const LONGEST_S = 7 * 86_400;

// Seconds of "90", "1h2m3s" or "1:02:03"; null for what is none.
export function seconds(text) {
  const found = /^(?:(\d{1,3})h)?(?:(\d{1,5})m)?(?:(\d{1,6})(?:\.\d+)?s?)?$/.exec(text ?? "") ?? /^(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})$/.exec(text ?? "");
  if (!text || !found) return null;
  const [hours, minutes, rest] = found.slice(1).map((part) => Number(part ?? 0));
  const total = hours * 3600 + minutes * 60 + rest;
  return total <= LONGEST_S ? total : null;
}

// 3723 as "1:02:03".
export function clock(total_s) {
  const whole = Math.floor(total_s);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, n) => (n ? String(part).padStart(2, "0") : part)).join(":");
}
