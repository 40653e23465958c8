// What people write for instruments, as they paste it from elsewhere: AAPL, EUR.USD, ESZ6, AAPL 261218C00230000.

const CURRENCIES = new Set("AUD CAD CHF CNH CZK DKK EUR GBP HKD HUF ILS JPY KRW MXN NOK NZD PLN SEK SGD THB TRY USD ZAR".split(" "));
const PAIR = /^([A-Z]{3})[./]([A-Z]{3})$/;
const FUTURE = /^[A-Z0-9]{1,3}[FGHJKMNQUVXZ]\d$/; // as exchanges name them: product, month, last digit of the year
const OPTION = /^([A-Z]{1,6}) +(\d{6})([CP])(\d{5})(\d{3})$/; // as the clearing house names them; the strike in thousandths

// All instruments of a text. `more` are members that were said besides; then symbols are taken as they are.
export function instrumentsOf(text, more = {}) {
  const written = text.trim().toUpperCase();
  const parts = /[,;\n\t]/.test(written) ? written.split(/[,;\n\t]+/) : OPTION.test(written) ? [written] : written.split(/\s+/);
  const names = [...new Set(parts.map((part) => part.trim()).filter(Boolean))];
  return names.map((name) => (Object.keys(more).length > 0 ? { symbol: name, ...more } : instrumentOf(name)));
}

function instrumentOf(name) {
  const [, base, quote] = PAIR.exec(name) ?? [];
  if (CURRENCIES.has(base) && CURRENCIES.has(quote)) {
    return { label: `${base}.${quote}`, symbol: base, sec_type: "CASH", ...(quote === "USD" ? {} : { currency: quote }) };
  }
  if (FUTURE.test(name)) return { symbol: name, sec_type: "FUT" };
  const [, symbol, day, right, whole, thousandths] = OPTION.exec(name) ?? [];
  if (symbol) return { label: name, symbol, sec_type: "OPT", expiry: `20${day}`, strike: Number(`${whole}.${thousandths}`), right };
  return { symbol: name };
}
