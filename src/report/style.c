/*
 * style.c
 *		How a report looks: light, dark, printed, and on a narrow screen.
 *
 * All text has a contrast of 4.5 or more in both; test/t/report_looks.pl asks a
 * browser.
 */
#include "postgres.h"

#include "report/style.h"

const char *const bcd_report_style =
/* colors */
":root{color-scheme:light dark;--bg:#f5f6f8;--card:#fff;--text:#1b2330;--soft:#566072;--line:#e2e6ec;--grid:#e9edf2;"
"--blue:#2a63c8;--teal:#0f766e;--green:#187a45;--amber:#8f5500;--red:#bf2531;--violet:#7047c2;--gray:#8b95a5;"
"--blue-bg:#e9f0fd;--green-bg:#e6f5ec;--amber-bg:#fdf3e0;--red-bg:#fdebec;--code:#f0f2f6}"
"@media(prefers-color-scheme:dark){:root{--bg:#10141a;--card:#181e27;--text:#e8ecf2;--soft:#a3aebd;--line:#2a323e;--grid:#252d38;"
"--blue:#74a7ff;--teal:#4fd1c0;--green:#5fd08f;--amber:#f2b956;--red:#ff8a8d;--violet:#b79cff;--gray:#7f8b9b;"
"--blue-bg:#16233b;--green-bg:#12291d;--amber-bg:#2d2312;--red-bg:#331a1d;--code:#212936}}"
/* text */
"*{box-sizing:border-box}"
"body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
"-webkit-text-size-adjust:100%}"
"header,main,footer{max-width:66rem;margin:0 auto;padding:0 1.25rem}"
"header{padding-top:2.5rem;padding-bottom:1.5rem}"
".eyebrow{margin:0;color:var(--soft);font-size:.8125rem;font-weight:600;letter-spacing:.08em;text-transform:uppercase}"
"h1{margin:.25rem 0;font-size:2rem;line-height:1.2;letter-spacing:-.02em;overflow-wrap:anywhere}"
"h2{margin:0 0 1rem;font-size:1.125rem;letter-spacing:-.01em}"
"header p,.lead,.more{color:var(--soft);margin:0}"
".lead{margin:-.75rem 0 1rem;font-size:.9375rem}.more{margin-top:.75rem;font-size:.875rem}"
"section,.verdict,.figures{background:var(--card);border:1px solid var(--line);border-radius:14px;margin:0 0 1.25rem}"
"section{padding:1.5rem}"
/* verdict */
".verdict{display:flex;gap:1.1rem;align-items:flex-start;padding:1.4rem 1.5rem;border-inline-start:6px solid var(--c);background:var(--b)}"
".ok{--c:var(--green);--b:var(--green-bg)}.busy,.info{--c:var(--blue);--b:var(--blue-bg)}"
".warning{--c:var(--amber);--b:var(--amber-bg)}.critical{--c:var(--red);--b:var(--red-bg)}"
".sign{flex:none;width:2.5rem;height:2.5rem;fill:none;stroke:var(--card);stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}"
".sign circle{fill:var(--c);stroke:none}"
".verdict p{margin:0}.level{color:var(--c);font-weight:650;font-size:.875rem}"
".sentence{font-size:1.375rem;line-height:1.35;font-weight:600;letter-spacing:-.01em;overflow-wrap:anywhere}"
/* figures */
".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));list-style:none;padding:0;overflow:hidden}"
".figures li{padding:1.1rem 1.5rem;box-shadow:1px 1px 0 var(--line)}"
".figures b{display:block;font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums}"
".figures span{display:block;font-size:.875rem}.figures small{display:block;color:var(--soft);font-size:.8125rem}"
".figures .warning b,.figures .critical b{color:var(--c)}"
/* charts */
"figure{margin:0}figure+figure{margin-top:2rem}"
"figcaption{font-size:.9375rem;font-weight:600;margin-bottom:.75rem}"
".plot{position:relative;height:13rem;margin:0 .25rem 1.75rem 2.75rem}"
".plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}"
".plot i{position:absolute;font-style:normal;font-size:.75rem;color:var(--soft);white-space:nowrap;font-variant-numeric:tabular-nums}"
".y i{right:100%;margin-right:.6rem;transform:translateY(50%)}"
".x i{top:100%;margin-top:.4rem;transform:translateX(-50%)}"
".plot path{fill:none;vector-effect:non-scaling-stroke}"
".grid{stroke:var(--grid)}.line{stroke:var(--c);stroke-width:2;stroke-linejoin:round}.plot .area{fill:var(--c);opacity:.14}"
".pending{--c:var(--blue)}.stuck{--c:var(--red)}.quota{--c:var(--soft)}.line.quota{stroke-width:1.5;stroke-dasharray:5 4}"
".mark{stroke:var(--teal);stroke-width:2}.mark.bad{stroke:var(--red);stroke-width:3}"
".calls{--c:var(--blue);fill:var(--c)}.others{--c:var(--violet);fill:var(--c);opacity:.75}.run{--c:var(--teal)}"
".legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0;font-size:.8125rem;color:var(--soft)}"
".key{display:inline-block;width:.7rem;height:.7rem;border-radius:3px;background:var(--c);margin-inline-end:.45rem}"
".key.quota{height:2px;border-radius:0;vertical-align:middle}.key.others{opacity:.75}.key.run{width:3px}"
/* tables */
".scroll{overflow-x:auto;margin:0 -1.5rem;padding:0 1.5rem}"
".scroll:focus-visible{outline:2px solid var(--blue);outline-offset:-2px}"
"table{width:100%;border-collapse:collapse;font-size:.9375rem}"
"th,td{padding:.6rem .75rem;text-align:start;vertical-align:baseline;border-top:1px solid var(--line)}"
"th:first-child,td:first-child{padding-inline-start:0}th:last-child,td:last-child{padding-inline-end:0}"
"thead th{border:0;color:var(--soft);font-size:.8125rem;font-weight:600;white-space:nowrap;padding-top:0}"
"tbody th{font-weight:600;min-width:9rem}"
".n{text-align:end;font-variant-numeric:tabular-nums;white-space:nowrap}.zero{color:var(--soft)}"
"bdi{overflow-wrap:anywhere}.feeds{display:block;color:var(--soft);font-weight:400;font-size:.8125rem}"
".bar{display:block;width:100%;min-width:8rem;height:.9rem;border-radius:4px;background:var(--grid)}"
".created{fill:var(--green)}.updated{fill:var(--blue)}.removed{fill:var(--violet)}.same{fill:var(--gray);opacity:.55}.refused{fill:var(--red)}.later{fill:var(--amber)}"
".c-created{color:var(--green)}.c-updated{color:var(--blue)}.c-removed{color:var(--violet)}.c-refused{color:var(--red);font-weight:650}"
"footer{color:var(--soft);font-size:.8125rem;padding-bottom:3rem}"
/* narrow, and on paper */
"@media(max-width:40rem){header{padding-top:1.5rem}h1{font-size:1.625rem}.w{display:none}.sentence{font-size:1.1875rem}"
"header,main,footer{padding-left:.75rem;padding-right:.75rem}section{padding:1.1rem}.scroll{margin:0 -1.1rem;padding:0 1.1rem}"
".verdict{padding:1.1rem}.sign{width:2rem;height:2rem}.figures{grid-template-columns:1fr 1fr}.figures li{padding:.9rem 1.1rem}.plot{height:10rem}.x i:nth-child(even){display:none}}"
"@media print{@page{margin:14mm}:root{color-scheme:light;--bg:#fff;--card:#fff;--text:#111;--soft:#4a5260;--line:#d5dae1;--grid:#e4e8ed;"
"--blue:#2a63c8;--teal:#0f766e;--green:#187a45;--amber:#8f5500;--red:#bf2531;--violet:#7047c2;--gray:#8b95a5;"
"--blue-bg:#fff;--green-bg:#fff;--amber-bg:#fff;--red-bg:#fff;--code:#f5f6f8}"
"body{font-size:10.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}header,main,footer{max-width:none;padding-left:0;padding-right:0}"
"header{padding-top:0}section,.figures,.verdict{break-inside:avoid;border-radius:6px}section{padding:1rem}.scroll{overflow:visible;margin:0;padding:0}"
"tr,figure{break-inside:avoid}h2{break-after:avoid}.plot{height:8.5rem}details>*{display:block}}";
