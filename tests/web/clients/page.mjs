// The component of docs/pages/how-to/use-chat.md in a page without a browser.
//   node page.mjs DIRECTORY URL ID SAVED
// DIRECTORY has the page's files, SAVED are messages, as JSON. Writes what the page shows at every change, one line each.
// Reads commands, one line each: `{"ask": TEXT}`, or `{"click": NAME}` for a button.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { JSDOM } from 'jsdom';
import ts from 'typescript';

const [directory, url, id, saved] = process.argv.slice(2);
const dom = new JSDOM('<body></body>', { url });
globalThis.window = dom.window;
globalThis.document = dom.window.document;
globalThis.navigator ??= dom.window.navigator; // Node has one of its own from 21 on
globalThis.IS_REACT_ACT_ENVIRONMENT = false;
console.error = () => {}; // the workflow transport tells of each connection that was cut

// `fetch` as a browser's: of a path, and with what Chromium says of a body that is broken off.
const fetchOfNode = globalThis.fetch;
globalThis.fetch = async (path, options) => {
  const response = await fetchOfNode(new URL(path, url), options);
  const reader = response.body?.getReader();
  const body =
    reader &&
    new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(error.name === 'AbortError' ? error : new TypeError('network error'));
        }
      },
      cancel: reason => reader.cancel(reason),
    });
  return new Response(body ?? null, { status: response.status, headers: response.headers });
};

const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, jsx: ts.JsxEmit.ReactJSX };
for (const name of ['Chat.tsx', 'transport.ts']) {
  const { outputText } = ts.transpileModule(readFileSync(`${directory}/${name}`, 'utf8'), { compilerOptions: options });
  const source = outputText.replace("'./transport'", "'./transport.mjs'"); // a bundler would find it
  writeFileSync(`${directory}/${name.split('.')[0]}.mjs`, source);
}
const { Chat } = await import(pathToFileURL(`${directory}/Chat.mjs`).href);
const { createElement } = await import('react');
const { createRoot } = await import('react-dom/client');

const find = (selector, from = document) => [...from.querySelectorAll(selector)];
const button = name => find('button').find(each => each.textContent === name);
let seen = '';
function show() {
  const state = JSON.stringify({
    messages: find('[data-role]').map(each => [each.dataset.role, each.textContent]),
    error: document.querySelector('[role=alert]')?.firstChild.textContent ?? null,
    busy: button('Ask').disabled,
  });
  if (state !== seen) console.log((seen = state));
}
new dom.window.MutationObserver(show).observe(document.body, {
  attributes: true,
  characterData: true,
  childList: true,
  subtree: true,
});
createRoot(document.body).render(createElement(Chat, { id, saved: JSON.parse(saved) }));

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, click } = JSON.parse(line);
  if (ask === undefined) {
    button(click).click();
    continue;
  }
  const input = document.querySelector('input');
  Object.getOwnPropertyDescriptor(dom.window.HTMLInputElement.prototype, 'value').set.call(input, ask);
  input.dispatchEvent(new dom.window.Event('input', { bubbles: true }));
  setTimeout(() => button('Ask').click()); // React has rendered what was typed
}
process.exit(0);
