#!/bin/sh
@@zh # 月底自动出报表：读入 inbox 里的导出，检查，写报表。可以随时再运行，不会重复计。
@@zh # 每月 1 日 6 点运行：crontab -e，加上这一行
@@en # The month's end by itself: reads the exports in the inbox, checks them, writes the reports. Safe to run again.
@@en # On the first of each month at 6: crontab -e, and add this line
#
#   0 6 1 * * @@crontab
#
@@zh # 后面可以加 kpicli month-end 的选项，如 --month 2026-10。换用别的 kpicli：设环境变量 KPICLI。
@@en # Takes the options of kpicli month-end, such as --month 2026-10. KPICLI in the environment names another kpicli.
set -u

case $0 in
*/*) folder=$(CDPATH= cd -- "${0%/*}/" && pwd) ;;
*) folder=$(pwd) ;;
esac
@@zh # 通过链接运行时，用建立时的文件夹
@@en # started by a link: the folder it was made for
[ -f "$folder/kpicli.toml" ] || folder=@@folder

kpicli=${KPICLI:-}
[ -n "$kpicli" ] || kpicli=@@kpicli
if ! command -v "$kpicli" >/dev/null 2>&1; then
@@zh     printf '错误：找不到 %s；重新安装 kpicli，或设环境变量 KPICLI\n' "$kpicli" >&2
@@en     printf 'Error: there is no %s; install kpicli again, or set KPICLI\n' "$kpicli" >&2
    exit 127
fi

@@zh # 不论 cron 的语言环境怎样，文件名和输出都是 UTF-8
@@en # names of files and output are UTF-8, whatever cron's locale is
PYTHONUTF8=1
export PYTHONUTF8
exec "$kpicli" month-end -C "$folder" "$@"
