/* Numbers and times as people read them. A number stays the text it came as: digits are grouped and
   zeros left out or added behind the point, nothing is rounded. */

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?$/;

/** How many decimals a price has, zeros at the end left out. */
export function decimals(text) {
  const parts = NUMBER.exec(text ?? "");
  return parts ? (parts[3] ?? "").replace(/0+$/, "").length : 0;
}

/** "61833.1000" is "61,833.1"; with `places` 2 it is "61,833.10". What is no number stays as it is. */
export function number(text, places = 0) {
  const parts = NUMBER.exec(text ?? "");
  if (!parts) return text ?? "–";
  const whole = parts[2].replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = (parts[3] ?? "").replace(/0+$/, "").padEnd(places, "0");
  return `${parts[1] ? "−" : ""}${whole}${rest ? `.${rest}` : ""}`;
}

/** A share "0.8345" as per cent, cut behind `places` decimals: "83.4 %". */
export function percent(text, places = 1) {
  const parts = NUMBER.exec(text ?? "");
  if (!parts) return text ?? "–";
  const digits = (parts[3] ?? "").padEnd(2 + places, "0");
  const whole = `${parts[2]}${digits.slice(0, 2)}`.replace(/^0+(?=\d)/, "");
  return `${number(`${parts[1]}${whole}.${digits.slice(2, 2 + places)}`)} %`;
}

/** The time of day of an ISO time; `millis` with milliseconds. */
export function clock(iso, millis = false) {
  return iso ? iso.slice(11, millis ? 23 : 19) : "–";
}

/** Day and time, UTC. */
export function moment(iso) {
  return iso ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` : "–";
}

/** Nanoseconds since 1970, as BigInt or text, as a time of day with microseconds. */
export function clockOfNs(ns) {
  const micros = BigInt(ns) / 1000n;
  const iso = new Date(Number(micros / 1000n)).toISOString();
  return `${iso.slice(11, 23)}${String(micros % 1000n).padStart(3, "0")}`;
}

/** Nanoseconds as milliseconds with sign, cut behind the microsecond. */
export function millisOfNs(ns) {
  const value = BigInt(ns);
  const micros = (value < 0n ? -value : value) / 1000n;
  const rest = String(micros % 1000n).padStart(3, "0");
  return `${value < 0n ? "−" : "+"}${number(String(micros / 1000n))}.${rest} ms`;
}

/** JSON whose whole numbers past 2^53 become their digits as text. */
export function parsed(text) {
  return JSON.parse(text, (key, value, context) =>
    typeof value === "number" && !Number.isSafeInteger(value) && context?.source ? context.source : value,
  );
}

/** "ORDER_FOREIGN" is "order foreign". */
export const words = (text) => (text ?? "–").toLowerCase().replaceAll("_", " ");
