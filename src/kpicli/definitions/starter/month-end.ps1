@@zh # 月底自动出报表：读入 inbox 里的导出，检查，写报表。可以随时再运行，不会重复计。
@@zh # 每月 1 日 6 点运行：在“命令提示符”（cmd）里执行下面一行；要输入密码，这样没有人登录时也会运行
@@en # The month's end by itself: reads the exports in the inbox, checks them, writes the reports. Safe to run again.
@@en # On the first of each month at 6: run this line in cmd; with the password it runs while nobody is logged on, too
#
#   schtasks /Create /SC MONTHLY /D 1 /ST 06:00 /TN "kpicli @@task" /RU "%USERDOMAIN%\%USERNAME%" /RP * /TR @@command
#
@@zh # 后面可以加 kpicli month-end 的选项，如 --month 2026-10。换用别的 kpicli：设环境变量 KPICLI。
@@en # Takes the options of kpicli month-end, such as --month 2026-10. KPICLI in the environment names another kpicli.

$folder = $PSScriptRoot
@@zh # 复制到别处运行时，用建立时的文件夹
@@en # copied elsewhere: the folder it was made for
if (-not (Test-Path -LiteralPath (Join-Path $folder 'kpicli.toml'))) { $folder = @@folder }

$kpicli = if ($env:KPICLI) { $env:KPICLI } else { @@kpicli }
if (-not (Test-Path -LiteralPath $kpicli) -and -not (Get-Command $kpicli -ErrorAction SilentlyContinue)) {
@@zh     [Console]::Error.WriteLine("错误：找不到 $kpicli；重新安装 kpicli，或设环境变量 KPICLI")
@@en     [Console]::Error.WriteLine("Error: there is no $kpicli; install kpicli again, or set KPICLI")
    exit 127
}

& $kpicli month-end -C $folder @args
exit $LASTEXITCODE
