/**
 * Hands the page's nonce to libraries that add style elements (react-remove-scroll looks for it under webpack's name),
 * so that the content security policy lets these in and nothing else. Imported before them.
 */
const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
if (nonce) Object.assign(globalThis, { __webpack_nonce__: nonce });
