// Asks whether a template has changed since this page was made, and reads the page anew when one has.
const version = new URL(import.meta.url).searchParams.get("v");
for (;;) {
  try {
    const answer = await fetch(`/dev/changes?since=${version}`);
    if ((await answer.text()) !== version) break;
  } catch {
    await new Promise((again) => setTimeout(again, 500)); // the server is away
  }
}
location.reload();
