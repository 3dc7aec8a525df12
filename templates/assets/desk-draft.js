// An edit that saves itself while it is typed. One save at a time, each with the tab's count, so that none overtakes another.
import { desk } from "{{ asset('desk-api.js') }}";

const WAIT_MS = 500;
const AGAIN_MS = 4000;
const KEPT_BYTES = 60_000; // that a page which leaves may still send
const TAB = crypto.randomUUID?.() ?? `${Date.now()}.${Math.random()}`;
let count = 0;

// Keeps what `changes()` tells of a thing. *told*: called with (state, edit, error): typing, saving, saved, failed, conflict.
export class Draft {
  constructor({ kind, thing, etag, edit, changes, told }) {
    Object.assign(this, { kind, thing, etag, edit, changes, told });
    this.kept = JSON.stringify(edit?.changes ?? {});
    this.turn = Promise.resolve();
    this.gone = false;
    this.leaving = () => this.flush();
    addEventListener("pagehide", this.leaving);
  }

  typed() {
    if (this.gone || !this.isDirty) return void (!this.gone && this.told("saved", this.edit));
    this.told("typing", this.edit);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), WAIT_MS);
  }

  get isDirty() {
    return JSON.stringify(this.changes()) !== this.kept;
  }

  // Resolves to the edit once all that was typed is saved; null where there is nothing to save. Throws Failed.
  async save(base = "") {
    clearTimeout(this.timer);
    const mine = this.turn.catch(() => {}).then(() => this.send(base));
    this.turn = mine;
    mine.catch(() => {});
    return mine;
  }

  async send(base) {
    const changes = this.changes();
    const text = JSON.stringify(changes);
    if (this.gone || (!base && text === this.kept) || (!this.edit && text === "{}")) return this.edit;
    this.told("saving", this.edit);
    try {
      const tab = { tab: TAB, count: ++count };
      if (this.edit) this.edit = await desk("PUT", `edits/${this.edit.id}`, { changes, base, ...tab }, { seen: this.edit.etag });
      else {
        const begun = { kind: this.kind, thing: this.thing, deed: this.thing === null ? "create" : "change", changes, ...tab };
        this.edit = await desk("POST", "edits", begun, this.thing === null ? {} : { seen: this.etag });
      }
      this.kept = text;
      this.told("saved", this.edit);
      return this.edit;
    } catch (error) {
      this.told(error.status === 412 ? "conflict" : "failed", this.edit, error);
      if (error.status === 0 || error.status === 429 || error.status >= 500) this.timer = setTimeout(() => this.save().catch(() => {}), AGAIN_MS);
      throw error;
    }
  }

  // The last words of a page that leaves.
  flush() {
    if (this.gone || !this.edit || !this.isDirty) return;
    const changes = this.changes();
    if (JSON.stringify(changes).length > KEPT_BYTES) return;
    desk("PUT", `edits/${this.edit.id}`, { changes, tab: TAB, count: ++count }, { seen: this.edit.etag, keepalive: true }).catch(() => {});
  }

  async discard() {
    await this.turn.catch(() => {});
    if (this.edit) await desk("DELETE", `edits/${this.edit.id}`, undefined, { seen: this.edit.etag });
    this.close();
  }

  close() {
    clearTimeout(this.timer);
    this.gone = true;
    removeEventListener("pagehide", this.leaving);
  }
}
