// Working by keyboard alone: every key is followed by a look at where the focus is.

import assert from "node:assert/strict";

// Presses keys, and fails if the focus is lost, or is on something that does not show it.
export class Keys {
  #page;

  constructor(page) {
    this.#page = page;
  }

  async press(...keys) {
    for (const key of keys) {
      await this.#page.keyboard.press(key);
      await this.check(key);
    }
  }

  async type(text) {
    await this.#page.keyboard.type(text);
    await this.check(text);
  }

  // Presses Tab until the element with this selector has the focus.
  async reach(selector, { key = "Tab", limit = 80 } = {}) {
    for (let count = 0; count < limit; count += 1) {
      if (await this.isAt(selector)) return;
      await this.press(key);
    }
    assert.fail(`${limit} times ${key} do not reach ${selector}: the focus is at ${await this.where()}`);
  }

  async isAt(selector) {
    return await this.#page.evaluate((text) => document.activeElement.matches(text), selector);
  }

  // Waits until the element has the focus.
  async at(selector) {
    await this.#page.locator(`:focus`).and(this.#page.locator(selector)).waitFor().catch(async () => {
      assert.fail(`the focus is at ${await this.where()}, not at ${selector}`);
    });
    await this.check(`at ${selector}`);
  }

  async where() {
    return await this.#page.evaluate(() => document.activeElement.outerHTML.slice(0, 120));
  }

  async check(after) {
    const state = await this.#page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return { lost: true };
      if (element.id === "main") return { visible: true };
      const shows = (one, property) => getComputedStyle(one)[property];
      const row = element.querySelector?.(".row");
      const outlined = shows(element, "outlineStyle") !== "none" && parseFloat(shows(element, "outlineWidth")) > 0;
      const box = element.getBoundingClientRect();
      const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
      return { visible: outlined || (row && shows(row, "stroke") !== "none"), inView };
    });
    assert.ok(!state.lost, `the focus is lost after ${after}`);
    assert.ok(state.visible, `the focus is invisible after ${after}: ${await this.where()}`);
    assert.ok(state.inView !== false, `the focus is outside the view after ${after}: ${await this.where()}`);
  }
}
