import { byId, input, say } from "./dom.js";

/**
 * Ask for the API key in the page.
 * @param {string} why
 * @returns {Promise<string>}
 */
export function askKey(why) {
  const form = byId("key-form", HTMLFormElement);
  const field = input("key");
  const before = document.activeElement;
  form.hidden = false;
  say("key-why", why);
  field.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      form.hidden = true;
      if (before instanceof HTMLElement) before.focus();
      resolve(field.value.trim());
      field.value = "";
    };
  });
}
