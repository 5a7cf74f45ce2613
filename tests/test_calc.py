"""Formulas have the values that Excel gives them."""

import math
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from kpicli.fill.calc import Error, Place, Scalar, Unknown, evaluate

NA, DIV, VALUE, REF, NUM = Error.MISSING, Error.DIVISION, Error.VALUE, Error.REFERENCE, Error.NUMBER

DATA: dict[str, Scalar] = (
    {"A1": 10.0, "B1": "a", "C1": True, "D1": 0.5, "E1": 45322.0}
    | {"A2": 20.0, "B2": "b", "C2": False, "D2": -1.0, "E2": 45351.0}
    | {"A3": 30.0, "B3": "A", "C3": "7", "D3": 2.5, "E3": 1.0}
    | {"A4": "text", "B4": "ab", "E4": 60.0}
    | {"G1": 1.0, "H1": "one", "G2": 2.0, "H2": "two", "G3": 4.0, "H3": "four", "G4": 8.0, "H4": "eight"}
    | {"J1": 1.0, "K1": 2.0, "L1": 3.0, "J2": "x", "K2": "y", "L2": "z"}
    | {"M1": 9.0, "M2": 5.0, "M3": 5.0, "M4": 1.0, "N1": "x*y", "N2": "xay", "N3": "a?", "N4": "~"}
)
OTHER: dict[str, Scalar] = {"A1": 100.0, "B1": 200.0, "A2": 300.0, "B2": "z", "A3": 1.0, "B3": 2.0, "C3": 3.0}
SHEET, QUOTED = "S", "It's 表"
MADE = {"F1": "NA()", "F2": "5", "F3": "1/0", "F4": "F2*2", "O1": "SUBTOTAL(9,A1:A3)", "O2": '""'}
NAMES = {"rate": "S!$D$1", "Block": "S!$A$1:$A$3", "twice": "rate*2"}
COLUMN = 26
"""The formulas under test are in Z1, Z2 and so on of the first sheet."""

PRECEDENCE: list[tuple[str, Scalar]] = [
    ("1+2*3", 7.0),
    ("(1+2)*3", 9.0),
    ("-2^2", 4.0),
    ("0-2^2", -4.0),
    ("2^3^2", 64.0),
    ("2^-1", 0.5),
    ("--3", 3.0),
    ("-+-3", 3.0),
    ("50%", 0.5),
    ("200%%", 0.02),
    ("2*50%^2", 0.5),
    ("-2%", -0.02),
    ("1&2+3", "15"),
    ('"a"&"b"="ab"', True),
    ("1+1=2", True),
    ("3>2=TRUE", True),
    ("10-4-3", 3.0),
    ("100/10/5", 2.0),
    ("1--1", 2.0),
    ("5>-3", True),
    (" 1 +\n 2 ", 3.0),
    ("1E+2+1.5e-1", 100.15),
    (".5+1", 1.5),
]
CONVERSION: list[tuple[str, Scalar]] = [
    ('"3"+1', 4.0),
    ('""+1', VALUE),
    ('"abc"*1', VALUE),
    ('" 3 "+0', 3.0),
    ('"1,234.5"+0', 1234.5),
    ('"50%"+0', 0.5),
    ('"(5)"+0', -5.0),
    ('"1e3"+0', 1000.0),
    ('"2024-01-31"+0', 45322.0),
    ('"2024/2/29"+0', 45351.0),
    ("TRUE+1", 2.0),
    ("FALSE+1", 1.0),
    ("C1+C2", 1.0),
    ("C3+1", 8.0),
    ("A9+1", 1.0),
    ('A9&"x"', "x"),
    ("A9", 0.0),
    ("A4+1", VALUE),
    ("-A9", 0.0),
    ("-C1", -1.0),
    ('+"a"', "a"),
    ('-"3"', -3.0),
    ("TRUE&1", "TRUE1"),
    ("0.1+0.2", 0.3),
    ('(0.1+0.2)&""', "0.3"),
    ('(1/3)&""', "0.333333333333333"),
    ('(2/3)&""', "0.666666666666667"),
    ('100&""', "100"),
    ('-1.50&""', "-1.5"),
    ('1E+20&""', "1E+20"),
    ('(12345678901234*10000)&""', "123456789012340000"),
    ('0.0001&""', "0.0001"),
    ('1.5E-300&""', "1.5E-300"),
    ('(1.23456789012345*10^-5)&""', "1.23456789012345E-05"),
    ("1E+307*1000", NUM),
    ("10^400", NUM),
    ("1/0", DIV),
    ("0^0", NUM),
    ("0^-1", DIV),
    ("0/5", 0.0),
]
COMPARISON: list[tuple[str, Scalar]] = [
    ('"a"="A"', True),
    ('"a"<"B"', True),
    ('99999<"a"', True),
    ('"z"<FALSE', True),
    ("TRUE>1000", True),
    ("TRUE=1", False),
    ('"1"=1', False),
    ("A9=0", True),
    ('A9=""', True),
    ("A9=FALSE", True),
    ("A9=A8", True),
    ('A9<"a"', True),
    ("1<>2", True),
    ("2<=2", True),
    ("2>=3", False),
    ("0.1+0.2=0.3", True),
    ("0.1*3<=0.3", True),
    ("0.1*3>0.3", False),
    ("1.333+1.225-1.333-1.225", 0.0),
    ("0.5-0.4-0.1", 0.0),
    ("B1=B3", True),
    ("F1=1", NA),
]
ERRORS: list[tuple[str, Scalar]] = [
    ("#N/A", NA),
    ("1+#REF!", REF),
    ("F1+1", NA),
    ("F3&1", DIV),
    ("SUM(F1:F2)", NA),
    ("-F3", DIV),
    ("F1%", NA),
    ("IFERROR(F1,1)", 1.0),
    ("IFERROR(A1,1)", 10.0),
    ("IFNA(F1,2)", 2.0),
    ("IFNA(F3,2)", DIV),
    ("ISERROR(F3)", True),
    ("ISERR(F1)", False),
    ("ISERR(F3)", True),
    ("ISNA(F1)", True),
    ("ISNA(F3)", False),
    ("S!#REF!", REF),
]
REFERENCES: list[tuple[str, Scalar]] = [
    ("$A$1+A$2+$A3", 60.0),
    ("S!A1", 10.0),
    ("'It''s 表'!A1", 100.0),
    ("SUM('It''s 表'!A1:B2)", 600.0),
    ("SUM('It''s 表'!3:3)", 6.0),
    ("SUM('It''s 表'!A:B)", 603.0),
    ("SUM('It''s 表'!$A:$A)", 401.0),
    ("SUM(A:A)", 60.0),
    ("SUM(A3:A1)", 60.0),
    ("SUM(B2:A1)", 30.0),
    ("a1+A1", 20.0),
    ("rate*2", 1.0),
    ("SUM(BLOCK)", 60.0),
    ("twice", 1.0),
    ("ROWS(A:A)", 1048576.0),
    ("COLUMNS(3:3)", 16384.0),
    ("ROWS(A1:C4)", 4.0),
    ("COLUMNS(A1:C4)", 3.0),
    ("ROW(B7)", 7.0),
    ("COLUMN(B7)", 2.0),
    ("COLUMN()", 26.0),
    ("COLUMN(AA:AB)", 27.0),
    ("F4", 10.0),
]
AGGREGATES: list[tuple[str, Scalar]] = [
    ("SUM(A1:A4)", 60.0),
    ("SUM(C1:C3)", 0.0),
    ('SUM(1,TRUE,"3")', 5.0),
    ('SUM("a")', VALUE),
    ("SUM({1,2;3,4})", 10.0),
    ("SUM({1,2}*A1)", 30.0),
    ('SUM({1,"x",TRUE})', 1.0),
    ("SUM(A1:A2,D1,5)", 35.5),
    ("SUM(1,)", 1.0),
    ("AVERAGE(A1:A5)", 20.0),
    ("AVERAGE(B1:B3)", DIV),
    ("AVERAGE(1,,5)", 2.0),
    ("COUNT(A1:E4)", 10.0),
    ('COUNT(1,TRUE,"3","x",F1)', 3.0),
    ("COUNT(F1:F4)", 2.0),
    ("COUNTA(A1:E4)", 18.0),
    ("COUNTA(F1:F4)", 4.0),
    ('COUNTA(1,"",TRUE)', 3.0),
    ("COUNTBLANK(A1:A6)", 2.0),
    ("COUNTBLANK(A:A)", 1048572.0),
    ("COUNTBLANK(O2)", 1.0),
    ("MIN(A1:D4)", -1.0),
    ("MAX(A1:D4)", 30.0),
    ("MAX(B1:B4)", 0.0),
    ('MAX(-1,TRUE,"3")', 3.0),
    ("PRODUCT(A1:A4)", 6000.0),
    ("PRODUCT(2,3)", 6.0),
    ("MEDIAN(A1:A4)", 20.0),
    ("MEDIAN(1,2,3,4)", 2.5),
    ("MEDIAN(B1:B2)", NUM),
    ("LARGE(A1:A4,2)", 20.0),
    ("LARGE(A1:A4,4)", NUM),
    ("SMALL(A1:A4,1)", 10.0),
    ("SMALL(A1:A4,0)", NUM),
    ("SUM(LARGE(A1:A4,{1,2}))", 50.0),
    ("RANK(20,A1:A4)", 2.0),
    ("RANK(10,A1:A4,1)", 1.0),
    ("RANK(11,A1:A4)", NA),
    ("RANK(5,M1:M4)", 2.0),
    ("RANK.EQ(1,M1:M4,0)", 4.0),
    ("STDEV(A1:A4)", 10.0),
    ("STDEV.S(1,2,3,4)", 1.2909944487358056),
    ("STDEV(5)", DIV),
    ("STDEV.P(A1:A3)", 8.16496580927726),
    ("VAR(A1:A3)", 100.0),
    ("VAR.P(1,3)", 1.0),
    ("SUBTOTAL(9,A1:A4)", 60.0),
    ("SUBTOTAL(109,A1:A4)", 60.0),
    ("SUBTOTAL(1,A1:A4)", 20.0),
    ("SUBTOTAL(2,A1:A4)", 3.0),
    ("SUBTOTAL(3,A1:A5)", 4.0),
    ("SUBTOTAL(4,A1:A4)", 30.0),
    ("SUBTOTAL(105,A1:A4)", 10.0),
    ("SUBTOTAL(6,A1:A3)", 6000.0),
    ("SUBTOTAL(7,A1:A3)", 10.0),
    ("SUBTOTAL(8,A1:A3)", 8.16496580927726),
    ("SUBTOTAL(10,A1:A3)", 100.0),
    ("SUBTOTAL(11,A1:A3)", 66.66666666666667),
    ("SUBTOTAL(9,O1:O1,A1)", 10.0),
    ("O1", 60.0),
    ("SUBTOTAL(12,A1:A3)", VALUE),
]
ARITHMETIC: list[tuple[str, Scalar]] = [
    ("ROUND(2.675,2)", 2.68),
    ("ROUND(1.005,2)", 1.01),
    ("ROUND(2.5,0)", 3.0),
    ("ROUND(-2.5,0)", -3.0),
    ("ROUND(1234.5,-2)", 1200.0),
    ("ROUND(21.9/0.2,0)", 110.0),
    ("ROUND(1E+300,5)", 1e300),
    ("ROUND(5,1E+9)", 5.0),
    ("ROUND(0.4,)", 0.0),
    ("ROUNDUP(3.2,0)", 4.0),
    ("ROUNDUP(-3.14159,1)", -3.2),
    ("ROUNDUP(31415.92654,-2)", 31500.0),
    ("ROUNDUP(2.21+2.19,2)", 4.4),
    ("ROUNDDOWN(3.9,0)", 3.0),
    ("ROUNDDOWN(-3.14159,1)", -3.1),
    ("ROUNDDOWN(31415.92654,-2)", 31400.0),
    ("TRUNC(8.9)", 8.0),
    ("TRUNC(-8.99,1)", -8.9),
    ("INT(8.9)", 8.0),
    ("INT(-8.9)", -9.0),
    ("ABS(-3)", 3.0),
    ("MOD(3,2)", 1.0),
    ("MOD(-3,2)", 1.0),
    ("MOD(3,-2)", -1.0),
    ("MOD(3,0)", DIV),
    ("SIGN(-2)", -1.0),
    ("SIGN(0)", 0.0),
    ("SQRT(16)", 4.0),
    ("SQRT(-1)", NUM),
    ("POWER(5,2)", 25.0),
    ("POWER(4,0.5)", 2.0),
    ("CEILING(2.5,1)", 3.0),
    ("CEILING(-2.5,-2)", -4.0),
    ("CEILING(-2.5,2)", -2.0),
    ("CEILING(1.1,0.1)", 1.1),
    ("CEILING(0.234,0.01)", 0.24),
    ("CEILING(2.5,-1)", NUM),
    ("FLOOR(3.7,2)", 2.0),
    ("FLOOR(-2.5,-2)", -2.0),
    ("FLOOR(-2.5,2)", -4.0),
    ("FLOOR(1.58,0.1)", 1.5),
    ("FLOOR(7.1,0.1)", 7.1),
    ("FLOOR(2.5,0)", DIV),
    ("FLOOR(2.5,-2)", NUM),
    ("EXP(0)", 1.0),
    ("LN(1)", 0.0),
    ("LOG10(1000)", 3.0),
    ("LOG(8,2)", 3.0),
    ("LN(0)", NUM),
    ("ROUND(PI(),4)", 3.1416),
]
LOGIC: list[tuple[str, Scalar]] = [
    ("IF(A1>5,1,2)", 1.0),
    ("IF(A1>50,1)", False),
    ("IF(A1>50,1,)", 0.0),
    ("IF(TRUE,1,1/0)", 1.0),
    ('IF("TRUE",1,2)', 1.0),
    ('IF("abc",1,2)', VALUE),
    ("IF(A9,1,2)", 2.0),
    ("IF(F1,1,2)", NA),
    ("SUM(IF(TRUE,A1:A3,0))", 60.0),
    ("IFS(FALSE,1,TRUE,2)", 2.0),
    ("IFS(FALSE,1)", NA),
    ("IFS(TRUE,1,1/0,2)", 1.0),
    ('SWITCH(2,1,"a",2,"b")', "b"),
    ('SWITCH(3,1,"a",2,"b","other")', "other"),
    ('SWITCH(3,1,"a")', NA),
    ('SWITCH("A","a",1)', 1.0),
    ('CHOOSE(2,"a","b")', "b"),
    ("CHOOSE(1,5,1/0)", 5.0),
    ("CHOOSE(3,1,2)", VALUE),
    ("CHOOSE(1.9,1,2)", 1.0),
    ("SUM(CHOOSE(1,A1:A3,B1))", 60.0),
    ("AND(TRUE,1)", True),
    ("AND(TRUE,0)", False),
    ("AND(C1:C2)", False),
    ("OR(C1:C3)", True),
    ("AND(B1:B2)", VALUE),
    ('AND("x")', VALUE),
    ("OR(FALSE,F1)", NA),
    ("NOT(0)", True),
    ("NOT(A1)", False),
    ("TRUE()", True),
    ("FALSE()", False),
    ("true", True),
    ("ISBLANK(A9)", True),
    ("ISBLANK(O2)", False),
    ("ISNUMBER(A1)", True),
    ("ISNUMBER(C3)", False),
    ("ISNUMBER(F1)", False),
    ("ISTEXT(A4)", True),
    ("ISTEXT(F1)", False),
    ("ISTEXT(A9)", False),
    ("ISLOGICAL(C1)", True),
    ("ISNONTEXT(A9)", True),
    ("N(A1)", 10.0),
    ("N(C1)", 1.0),
    ("N(A4)", 0.0),
    ("NA()", NA),
]
CRITERIA: list[tuple[str, Scalar]] = [
    ("COUNTIF(A1:A5,20)", 1.0),
    ('COUNTIF(A1:A5,">=20")', 2.0),
    ('COUNTIF(A1:A5,"<>20")', 4.0),
    ('COUNTIF(A1:A5,"<>")', 4.0),
    ('COUNTIF(A1:A5,"")', 1.0),
    ('COUNTIF(O1:O3,"")', 2.0),
    ('COUNTIF(O1:O3,"=")', 1.0),
    ('COUNTIF(B1:B4,"a")', 2.0),
    ('COUNTIF(B1:B4,"=A")', 2.0),
    ('COUNTIF(B1:B4,"a*")', 3.0),
    ('COUNTIF(B1:B4,"?")', 3.0),
    ('COUNTIF(B1:B4,"<>a")', 2.0),
    ('COUNTIF(B1:B4,">a")', 2.0),
    ('COUNTIF(N1:N4,"x~*y")', 1.0),
    ('COUNTIF(N1:N4,"x*y")', 2.0),
    ('COUNTIF(N1:N4,"a~?")', 1.0),
    ('COUNTIF(N1:N4,"~~")', 1.0),
    ("COUNTIF(C1:C3,TRUE)", 1.0),
    ("COUNTIF(C1:C3,7)", 1.0),
    ('COUNTIF(C1:C3,">5")', 0.0),
    ('COUNTIF(D1:D5,"<0")', 1.0),
    ("COUNTIF(A1:A5,A9)", 0.0),
    ('COUNTIF(A1:A5,"*")', 1.0),
    ('COUNTIF(A:A,"")', 1048572.0),
    ('COUNTIF(A:A,">5")', 3.0),
    ('COUNTIF(E1:E4,"2024-01-31")', 1.0),
    ('COUNTIF(E1:E4,">="&DATE(2024,2,1))', 1.0),
    ('SUM(COUNTIF(B1:B4,{"a","b"}))', 3.0),
    ('COUNTIFS(A1:A3,">=10",B1:B3,"a")', 2.0),
    ('COUNTIFS(A1:A3,">=10",B1:B2,"a")', VALUE),
    ('COUNTIFS(A:A,">=10",B:B,"a")', 2.0),
    ('COUNTIF(F1:F4,"#N/A")', 1.0),
    ('SUMIF(B1:B3,"a",A1:A3)', 40.0),
    ('SUMIF(B1:B3,"a",A1)', 40.0),
    ('SUMIF(A1:A4,">10")', 50.0),
    ('SUMIF(B:B,"a",A:A)', 40.0),
    ('SUMIF(B1:B3,"nothing",A1:A3)', 0.0),
    ('SUMIF(B1:B3,"b",F1:F3)', 5.0),
    ('SUMIF(B1:B3,"a",F1:F3)', NA),
    ('SUMIFS(A1:A3,B1:B3,"a",A1:A3,">10")', 30.0),
    ('SUMIFS(A:A,B:B,"<>b",A:A,">0")', 40.0),
    ('AVERAGEIF(B1:B3,"a",A1:A3)', 20.0),
    ('AVERAGEIF(A1:A3,">100")', DIV),
    ('AVERAGEIFS(A1:A3,B1:B3,"a",D1:D3,">1")', 30.0),
    ('MAXIFS(A1:A3,B1:B3,"a")', 30.0),
    ('MINIFS(A1:A3,B1:B3,"a")', 10.0),
    ("SUMPRODUCT(A1:A3,D1:D3)", 60.0),
    ('SUMPRODUCT((B1:B3="a")*(A1:A3))', 40.0),
    ('SUMPRODUCT((B1:B3="a")*(A1:A3>10)*A1:A3)', 30.0),
    ('SUMPRODUCT(--(B1:B3="a"))', 2.0),
    ('SUMPRODUCT((B1:B3="a"))', 0.0),
    ('SUMPRODUCT((B:B="a")*(A:A>5))', 2.0),
    ('SUMPRODUCT((A:A="")*1)', 1048572.0),
    ("SUMPRODUCT(A1:A3,D1:D2)", VALUE),
    ("SUMPRODUCT(A1:A4,G1:G4)", 170.0),
    ("SUMPRODUCT(A1:A4*G1:G4)", VALUE),
    ("SUMPRODUCT(LEN(B1:B4))", 5.0),
    ("SUMPRODUCT((MONTH(E1:E2)=2)*A1:A2)", 20.0),
    ("SUMPRODUCT(1/COUNTIF(M1:M4,M1:M4))", 3.0),
    ("SUMPRODUCT(A1:A3*J1:L1)", 360.0),
    ('SUMPRODUCT((J2:L2="y")*J1:L1)', 2.0),
    ("SUMPRODUCT(ISNUMBER(A1:A5)*1)", 3.0),
    ("SUMPRODUCT(ROW(A1:A3)*A1:A3)", 140.0),
]
LOOKUPS: list[tuple[str, Scalar]] = [
    ("INDEX(A1:B3,2,1)", 20.0),
    ("INDEX(A1:A3,3)", 30.0),
    ("INDEX(J1:L1,2)", 2.0),
    ("INDEX(A1:B3,4,1)", REF),
    ("INDEX(A1:B3,1,3)", REF),
    ("INDEX(A1:B3,-1,1)", VALUE),
    ("SUM(INDEX(A1:B3,0,1))", 60.0),
    ("SUM(INDEX(A:A,0))", 60.0),
    ("INDEX({1,2;3,4},2,1)", 3.0),
    ("INDEX(A1:A5,5)", 0.0),
    ("MATCH(20,A1:A3,0)", 2.0),
    ("MATCH(25,A1:A3)", 2.0),
    ("MATCH(5,A1:A3,1)", NA),
    ("MATCH(99,A1:A3,1)", 3.0),
    ('MATCH("B",B1:B4,0)', 2.0),
    ('MATCH("*b",B3:B4,0)', 2.0),
    ('MATCH("20",A1:A3,0)', NA),
    ("MATCH(1,M1:M4,-1)", 4.0),
    ("MATCH(6,M1:M4,-1)", 1.0),
    ("MATCH(10,M1:M4,-1)", NA),
    ("MATCH(2,J1:L1,0)", 2.0),
    ("MATCH(1,A1:B3,0)", NA),
    ('MATCH(1,INDEX((B1:B3="a")*(A1:A3>10),0),0)', 3.0),
    ("VLOOKUP(4,G1:H4,2,FALSE)", "four"),
    ("VLOOKUP(5,G1:H4,2)", "four"),
    ("VLOOKUP(5,G1:H4,2,TRUE)", "four"),
    ("VLOOKUP(5,G1:H4,2,0)", NA),
    ("VLOOKUP(0,G1:H4,2)", NA),
    ("VLOOKUP(4,G1:H4,3,0)", REF),
    ("VLOOKUP(4,G1:H4,0,0)", VALUE),
    ("VLOOKUP(4,G:H,2,)", "four"),
    ('VLOOKUP("T*",H1:H4,1,0)', "two"),
    ("HLOOKUP(2,J1:L2,2,FALSE)", "y"),
    ("HLOOKUP(2.5,J1:L2,2)", "y"),
    ("HLOOKUP(2,J1:L2,3,0)", REF),
    ("LOOKUP(5,G1:G4,H1:H4)", "four"),
    ("LOOKUP(5,G1:H4)", "four"),
    ("LOOKUP(0,G1:G4)", NA),
    ('LOOKUP(2,1/(B1:B3="a"),A1:A3)', 30.0),
    ("LOOKUP(9E+307,M1:M4)", 1.0),
]
TEXTS: list[tuple[str, Scalar]] = [
    ('CONCATENATE("a",1,TRUE)', "a1TRUE"),
    ('CONCAT(B1:B2,"-",1)', "ab-1"),
    ('TEXTJOIN(",",TRUE,A1:A6)', "10,20,30,text"),
    ('TEXTJOIN(",",FALSE,A4:A5,"x")', "text,,x"),
    ('LEFT("abc",2)', "ab"),
    ('LEFT("abc")', "a"),
    ('LEFT("abc",9)', "abc"),
    ('LEFT("abc",-1)', VALUE),
    ('LEFT("abc",)', ""),
    ('RIGHT("abc",2)', "bc"),
    ('RIGHT("abc",0)', ""),
    ("RIGHT(12345,2)", "45"),
    ('MID("abcdef",2,3)', "bcd"),
    ('MID("abc",9,3)', ""),
    ('MID("abc",0,3)', VALUE),
    ('LEN("北京")', 2.0),
    ("LEN(A9)", 0.0),
    ('TRIM("  a   b ")', "a b"),
    ('UPPER("abc")', "ABC"),
    ('LOWER("ABC")', "abc"),
    ('FIND("b","abcb")', 2.0),
    ('FIND("b","abcb",3)', 4.0),
    ('FIND("B","abc")', VALUE),
    ('FIND("","abc")', 1.0),
    ('FIND("a","abc",9)', VALUE),
    ('SEARCH("B","abc")', 2.0),
    ('SEARCH("b?d","abcd")', 2.0),
    ('SEARCH("b*d","abcd")', 2.0),
    ('SEARCH("~?","ab?")', 3.0),
    ('SEARCH("z","abc")', VALUE),
    ('SUBSTITUTE("a-b-c","-","+")', "a+b+c"),
    ('SUBSTITUTE("a-b-c","-","+",2)', "a-b+c"),
    ('SUBSTITUTE("a-b-c","-","+",5)', "a-b-c"),
    ('SUBSTITUTE("abc","","x")', "abc"),
    ('REPT("ab",3)', "ababab"),
    ('REPT("a",0)', ""),
    ('REPT("a",1000000000)', VALUE),
    ('VALUE("12.5")', 12.5),
    ('VALUE("50%")', 0.5),
    ('VALUE("abc")', VALUE),
    ("VALUE(5)", 5.0),
    ('EXACT("a","A")', False),
    ('EXACT("a","a")', True),
    ('TEXT(1234.567,"0")', "1235"),
    ('TEXT(1234.567,"0.0")', "1234.6"),
    ('TEXT(1234.565,"0.00")', "1234.57"),
    ('TEXT(1.005,"0.00")', "1.01"),
    ('TEXT(1234567.8,"#,##0")', "1,234,568"),
    ('TEXT(-1234.5,"#,##0.00")', "-1,234.50"),
    ('TEXT(0.256,"0%")', "26%"),
    ('TEXT(0.2567,"0.0%")', "25.7%"),
    ('TEXT(45322,"yyyy-mm-dd")', "2024-01-31"),
    ('TEXT(45322,"yyyy年m月")', "2024年1月"),
    ('TEXT(45322,"m月d日")', "1月31日"),
    ('TEXT(45322.7,"mm-dd")', "01-31"),
    ('TEXT("abc","0.00")', "abc"),
    ('TEXT("3","0.0")', "3.0"),
    ('TEXT(A9,"0")', "0"),
    ('TEXT(-1,"yyyy-mm-dd")', VALUE),
]
DATES: list[tuple[str, Scalar]] = [
    ("DATE(2024,1,31)", 45322.0),
    ("DATE(2024,13,1)", 45658.0),
    ("DATE(2024,3,0)", 45351.0),
    ("DATE(2024,-1,1)", 45231.0),
    ("DATE(108,1,2)", 39449.0),
    ("DATE(10000,1,1)", NUM),
    ("DATE(1900,1,1)", 1.0),
    ("DATE(1900,2,29)", 60.0),
    ("DATE(1900,3,1)", 61.0),
    ("YEAR(45322)", 2024.0),
    ("MONTH(45322.9)", 1.0),
    ("DAY(45322)", 31.0),
    ('YEAR("2024-01-31")', 2024.0),
    ("DAY(0)", 0.0),
    ("DAY(60)", 29.0),
    ("MONTH(60)", 2.0),
    ("YEAR(-1)", NUM),
    ("EOMONTH(45322,0)", 45322.0),
    ("EOMONTH(45322,1)", 45351.0),
    ("EOMONTH(45322,-12)", 44957.0),
    ("EDATE(45322,1)", 45351.0),
    ("EDATE(45322,-2)", 45260.0),
    ("EDATE(45322,1.9)", 45351.0),
    ("WEEKDAY(45322)", 4.0),
    ("WEEKDAY(45322,2)", 3.0),
    ("WEEKDAY(45322,3)", 2.0),
    ("WEEKDAY(45322,16)", 5.0),
    ("WEEKDAY(45322,9)", NUM),
    ("WEEKDAY(1)", 1.0),
    ("DAYS(45351,45322)", 29.0),
]
GOLDEN = (
    PRECEDENCE
    + CONVERSION
    + COMPARISON
    + ERRORS
    + REFERENCES
    + AGGREGATES
    + ARITHMETIC
    + LOGIC
    + CRITERIA
    + LOOKUPS
    + TEXTS
    + DATES
)

DIFFERENT_IN_LIBREOFFICE: dict[str, list[str]] = {
    "its truth values are numbers in another format": [
        *("TRUE&1", '"z"<FALSE', "TRUE>1000", "TRUE=1", "SUM(C1:C3)", 'SUM({1,"x",TRUE})', "COUNT(A1:E4)"),
        *('SUMPRODUCT((B1:B3="a"))', 'CONCATENATE("a",1,TRUE)'),
    ],
    "its files say #VALUE! for most errors of its own": [
        *("MEDIAN(B1:B2)", "LARGE(A1:A4,4)", "SMALL(A1:A4,0)", "SQRT(-1)", "LN(0)", "CEILING(2.5,-1)", "FLOOR(2.5,0)"),
        *("FLOOR(2.5,-2)", "INDEX(A1:B3,4,1)", "INDEX(A1:B3,1,3)", "MATCH(1,A1:B3,0)", "VLOOKUP(4,G1:H4,3,0)"),
        *("HLOOKUP(2,J1:L2,3,0)", "WEEKDAY(45322,9)", "0^-1", "S!#REF!", 'REPT("a",1000000000)'),
    ],
    "its day 1 is 31 December 1899, and days go beyond 1899 and 9999": [
        *("DATE(1900,1,1)", "DATE(1900,2,29)", "DAY(0)", "DAY(60)", "YEAR(-1)", "DATE(10000,1,1)", "DATE(108,1,2)"),
        'TEXT(-1,"yyyy-mm-dd")',
    ],
    "it reads fewer texts as numbers in one place, and more in another": [
        *('"2024/2/29"+0', 'SUM(1,TRUE,"3")', 'MAX(-1,TRUE,"3")', "COUNTIF(C1:C3,7)", 'MATCH("20",A1:A3,0)'),
    ],
    "it shows numbers as text in its own way": [
        *('1E+20&""', '(12345678901234*10000)&""', '(1.23456789012345*10^-5)&""'),
    ],
    "it rounds the binary number where Excel rounds the 15 digits shown": ["ROUND(21.9/0.2,0)"],
    "it defines them otherwise": ['COUNTIF(A1:A5,"*")', "0^0", "RANK(11,A1:A4)", 'FIND("","abc")', "ROUND(5,1E+9)"],
    "it meets another of two errors first": ['SUMIF(B1:B3,"a",F1:F3)'],
}
"""Why → the formulas for which LibreOffice is not asked, as Excel has the value above."""


def place(cell: str, sheet: str = SHEET) -> Place:
    row, column = openpyxl.utils.cell.coordinate_to_tuple(cell)
    return sheet, row, column


CELLS = {place(cell): value for cell, value in DATA.items()} | {place(c, QUOTED): value for c, value in OTHER.items()}
USED = {SHEET: (5, 15), QUOTED: (3, 3)}


def values(formulas: Mapping[Place, str], cells: Mapping[Place, Scalar] = CELLS) -> dict[Place, Scalar | Unknown]:
    used = dict(USED)
    for sheet, row, column in cells:
        used[sheet] = (max(row, used.get(sheet, (0, 0))[0]), max(column, used.get(sheet, (0, 0))[1]))
    return evaluate(formulas, cells.get, names=NAMES, used=used)


def one(formula: str, at: Place = (SHEET, 30, COLUMN)) -> Scalar | Unknown:
    made = {place(cell): text for cell, text in MADE.items()}
    return values({**made, at: formula})[at]


def same(found: object, wanted: object) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(found, wanted, rel_tol=1e-14, abs_tol=1e-300)
    return type(found) is type(wanted) and found == wanted


@pytest.mark.parametrize(("formula", "wanted"), GOLDEN)
def test_golden(formula: str, wanted: Scalar) -> None:
    found = one(formula)
    assert same(found, wanted), found


@pytest.mark.parametrize(
    ("formula", "at", "wanted"),
    [
        ("A1:A3*2", (SHEET, 2, 26), 40.0),
        ("A1:A3*2", (SHEET, 9, 26), VALUE),
        ("J1:L1", (SHEET, 9, 11), 2.0),
        ("J1:L1", (SHEET, 9, 13), VALUE),
        ("A:A+1", (SHEET, 3, 26), 31.0),
        ("A1:B3", (SHEET, 2, 26), VALUE),
        ("ABS(D1:D3)", (SHEET, 2, 26), 1.0),
        ("IF(A1:A3>15,1,2)", (SHEET, 2, 26), 1.0),
        ("'It''s 表'!A1:A3", (SHEET, 2, 26), 300.0),
        ("Block", (SHEET, 3, 26), 30.0),
        ("ROW()", (SHEET, 7, 26), 7.0),
        ("{5,6}", (SHEET, 7, 26), 5.0),
    ],
)
def test_implicit_intersection(formula: str, at: Place, wanted: Scalar) -> None:
    assert same(one(formula, at), wanted)


@pytest.mark.parametrize(
    "formula",
    [
        *("NOW()", "TODAY()", "RAND()", "OFFSET(A1,1,0)", 'INDIRECT("A1")', "XLOOKUP(1,A1:A3,B1:B3)", "NOSUCH(1)"),
        *("Table1[Amount]", "SUM(Table1)", "[1]Sheet!A1", "'[b.xlsx]S'!A1", "Sheet1:Sheet3!A1", "'a:b'!A1", "A1#"),
        *("", "1+", "(1", "1)", "SUM(1", '"abc', "1 2", "A1 B1", "SUM((A1,B1))", "A1:INDEX(A:A,2)", "{1,2", "{1;2,3}"),
        *("ABS()", "ABS(1,2)", "IF(1)", "COUNTIF(A1:A3)", "COUNTIFS(A1:A3,1,B1:B3)", "no_such_name", "{=1}", "@A1"),
        *('TEXT(1,"d/m/yy")', 'TEXT(1,"General")', '"10:30"+0', '"1/2"+0', '"¥5"+0', 'COUNTIF(A1:A3,"10-15")'),
        *("nan", "inf", "1_000", "SUMPRODUCT(IF(A1:A3>1,1,0))", "VLOOKUP(1,IF({1,0},A1:A3,B1:B3),2,0)"),
        *(
            "MATCH(7,M1:M4,1)",
            "MATCH(5,M1:M4,-1)",
            '"北"<"京"',
            "(-8)^(1/3)",
            'LEN("😀")',
            "(" * 70 + "1" + ")" * 70,
            "1" * 9000,
        ),
        *("ZZZ1", "A1048577", "#NULL!", "Z30", "Z30+1", "SUM(Z:Z)", "COUNTIF({1,2},1)", "1e999"),
    ],
)
def test_unknown(formula: str) -> None:
    assert isinstance(one(formula), Unknown)


def test_car_models_are_texts_though_they_end_like_a_time() -> None:
    cells: dict[Place, Scalar] = {("S", row, 1): model for row, model in enumerate(("A3", "5e", "A3", "3系", "P7"), 1)}
    assert values({("S", 1, 5): 'COUNTIF(A1:A5,"A3")', ("S", 2, 5): "COUNTIF(A1:A5,A4)"}, cells) == {
        ("S", 1, 5): 2.0,
        ("S", 2, 5): 1.0,
    }


def test_unknown_spreads_to_what_needs_it_and_no_further() -> None:
    formulas = {
        ("S", 1, 1): "NOW()",
        ("S", 2, 1): "A1+1",
        ("S", 3, 1): "SUM(A1:A2)",
        ("S", 4, 1): "IFERROR(A1,0)",
        ("S", 5, 1): "IF(FALSE,A1,7)",
        ("S", 6, 1): "ROWS(A1:A3)",
    }
    found = values(formulas, {})
    assert [isinstance(found["S", row, 1], Unknown) for row in range(1, 7)] == [True] * 4 + [False] * 2
    assert (found["S", 5, 1], found["S", 6, 1]) == (7.0, 3.0)


def test_circles_are_unknown() -> None:
    formulas = {("S", 1, 1): "B1", ("S", 1, 2): "C1", ("S", 1, 3): "A1+1", ("S", 2, 1): "A2", ("S", 3, 1): "1+C1"}
    found = values({**formulas, ("S", 4, 1): "IF(TRUE,3,A4)"}, {})
    assert found.pop(("S", 4, 1)) == 3.0
    assert all(isinstance(value, Unknown) for value in found.values())


def test_names_without_end_or_dollar_are_unknown() -> None:
    names = {
        "a": "b",
        "b": "a",
        "c": "S!A1",
        "d": "S!$A$1",
        "deep0": "1",
        **{f"deep{n}": f"deep{n - 1}+deep{n - 1}" for n in range(1, 40)},
    }
    formulas = {("S", row, 2): name for row, name in enumerate(("a", "c", "d", "deep39", "deep9"), start=1)}
    found = evaluate(formulas, {("S", 1, 1): 4.0}.get, names=names)
    assert [isinstance(found["S", row, 2], Unknown) for row in range(1, 6)] == [True, True, False, True, False]
    assert (found["S", 3, 2], found["S", 5, 2]) == (4.0, 512.0)


def test_values_from_outside_are_made_floats() -> None:
    cells: dict[Place, Scalar] = {("S", 1, 1): 3, ("S", 2, 1): math.inf, ("S", 3, 1): math.nan}
    found = values({("S", row, 2): f"A{row}" for row in (1, 2, 3)}, cells)
    assert same(found["S", 1, 2], 3.0)
    assert (found["S", 2, 2], found["S", 3, 2]) == (NUM, NUM)


def test_sheet_names_are_of_any_case_and_the_sign_may_be_there() -> None:
    assert one("s!A1") == 10.0
    assert one("=1+1") == 2.0


def test_twenty_thousand_rows() -> None:
    rows = 20_000
    cells: dict[Place, Scalar] = {("S", row, 1): float(row) for row in range(1, rows + 1)}
    formulas = {("S", row, 2): f"B{row - 1}+A{row}" for row in range(rows, 1, -1)}
    formulas |= {("S", 1, 2): "A1", ("S", 1, 4): f"SUM(A1:A{rows})", ("S", 2, 4): "SUM(B:B)", ("S", 3, 4): "D1*2"}
    start = time.perf_counter()
    found = values(formulas, cells)
    taken = time.perf_counter() - start
    assert found["S", rows, 2] == found["S", 1, 4] == rows * (rows + 1) / 2
    assert found["S", 3, 4] == rows * (rows + 1)
    assert taken < 10, "linear, with room for a busy machine"


@pytest.mark.parametrize(
    "formula",
    [
        "+".join("1" for _ in range(4000)),
        "-" * 8000 + "1",
        "1" + "%" * 8000,
        "IF(1," * 60 + "1" + ")" * 60,
        "(1=1&1+1*1^" * 60 + "1" + ")" * 60,
        'SEARCH("' + "*a" * 120 + '*b",REPT("a",30000))',
        'COUNTIF(A1:A3,"' + "*a" * 120 + '*b")',
        'SUBSTITUTE(REPT("a",32000),"a",REPT("b",32000))',
        'VALUE(REPT("june",8000)&"x")',
        'VALUE("1"&REPT("june",8000)&"x")',
        'VALUE(REPT("1",32000)&"x")',
        "SUMPRODUCT((A:A=1)*(B:B=1)*(1:1=1))",
        "SUMPRODUCT(ROW(1:1048576)*COLUMN(A:XFD))",
        "ROUND(1E+308,-400)+ROUND(1E-308,400)",
        "1E+308^2+2^1E+308",
        'TEXT(1E+308,"0.' + "0" * 200 + '")',
        "DATE(1E+300,1E+300,1E+300)+DATE(2000,1E+300,1)",
        "EDATE(1,1E+300)",
        'REPT("a",1E+300)&MID("a",1E+300,1E+300)',
        "LARGE(A1:A3,1E+300)",
        "INDEX(A1:A3,1E+300)",
        "[" * 4000,
        '"' * 8001,
        "'" * 8001,
    ],
)
def test_hostile_formulas_end_soon(formula: str) -> None:
    start = time.perf_counter()
    one(formula)
    assert time.perf_counter() - start < 5


def test_too_much_work_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kpicli.fill.calc.machine._MOST_WORK", 3_000_000)
    formulas = {("T", row, 1): "SUMPRODUCT((S!A:A=1)*1)" if row % 2 else "SUM(S!1:1048576)" for row in range(1, 100)}
    found = evaluate(formulas, lambda place: 1.0, used={"S": (10_000, 3)})
    assert same(found["T", 1, 1], 10_000.0)
    assert isinstance(found["T", 99, 1], Unknown)


@given(
    st.lists(st.one_of(st.integers(-(10**9), 10**9).map(float), st.text("ab", max_size=2), st.booleans(), st.none()))
)
def test_a_sum_adds_the_numbers(column: list[Scalar]) -> None:
    cells = {("S", row, 1): value for row, value in enumerate(column, start=1)}
    found = values({("S", 1, 2): f"SUM(A1:A{len(column) + 1})", ("S", 2, 2): "COUNT(A:A)"}, cells)
    numbers = [value for value in column if isinstance(value, float)]
    assert (found["S", 1, 2], found["S", 2, 2]) == (sum(numbers), len(numbers))


_PIECES = st.sampled_from(
    [
        *(
            "1",
            "2.5",
            '"a"',
            '"3"',
            "TRUE",
            "A1",
            "A2",
            "$B$1",
            "A1:A3",
            "A:A",
            "1:1",
            "S!A1",
            "'x y'!B2",
            "#N/A",
            "rate",
        ),
        *(
            "+",
            "-",
            "*",
            "/",
            "^",
            "&",
            "=",
            "<>",
            "<",
            ">=",
            "%",
            ",",
            ";",
            "(",
            ")",
            "{",
            "}",
            " ",
            ":",
            "!",
            "#",
            "'",
        ),
        *("1E+20", "1E+308", "0", "-1", "[", "]", '"', '"2024-01-31"', '">1"', '"*?~"', "\n", "，", "😀", "{1,2;3,4}"),
    ]
)
_FUNCTIONS = sorted({call.split("(")[0] for formula, _ in GOLDEN for call in [formula] if call.split("(")[0].isupper()})
_ARGUMENTS = st.sampled_from(
    ["", "1", "-1", '"a"', '"3"', '">1"', "TRUE", "A1", "A9", "A1:A3", "B1:B4", "A1:C3", "J1:L1", "F1", "A:A", "{1,2}",
     '{"a";"b"}', "A1:A3*2", "1E+308", "45322", '"yyyy-mm-dd"', '""', "C1:C3", "1:1", '"*"', "1E-308"]
)  # fmt: skip
_CALLS = st.builds(
    lambda name, arguments: f"{name}({','.join(arguments)})",
    st.sampled_from(_FUNCTIONS),
    st.lists(_ARGUMENTS, max_size=5),
)
_NESTED = st.builds(
    lambda name, arguments: f"{name}({','.join(arguments)})",
    st.sampled_from(_FUNCTIONS),
    st.lists(st.one_of(_ARGUMENTS, _CALLS), min_size=1, max_size=4),
)


@settings(max_examples=400)
@given(st.one_of(st.lists(st.one_of(_PIECES, _CALLS), max_size=8).map("".join), st.text(max_size=30), _NESTED))
def test_never_raises(formula: str) -> None:
    found = one(formula)
    assert isinstance(found, float | str | bool | Unknown)
    assert not isinstance(found, float) or math.isfinite(found)


@settings(max_examples=60)
@given(st.data())
def test_the_order_of_formulas_does_not_matter(data: st.DataObject) -> None:
    cell = st.sampled_from([f"{column}{row}" for column in "ABC" for row in (1, 2, 3)])
    parts = st.one_of(
        st.integers(0, 9).map(str),
        cell,
        st.builds("SUM({}:{})".format, cell, cell),
        st.builds("IF({}>4,{},{})".format, cell, cell, cell),
        st.builds("IFERROR({}/{},{})".format, cell, cell, cell),
    )
    formula = st.builds("{}{}{}".format, parts, st.sampled_from("+-*"), parts)
    formulas = {("S", row, column): data.draw(formula) for row in (1, 2, 3) for column in (1, 2, 3)}
    again = dict(data.draw(st.permutations(list(formulas.items()))))

    def shown(found: Mapping[Place, Scalar | Unknown]) -> dict[Place, object]:
        return {p: "unknown" if isinstance(value, Unknown) else value for p, value in found.items()}

    assert shown(values(formulas, {})) == shown(values(again, {}))


def book(path: Path, formulas: Mapping[Place, str]) -> None:
    """A workbook with the data and formulas, which have no values."""
    with xlsxwriter.Workbook(path, {"use_future_functions": True}) as workbook:
        sheets = {name: workbook.add_worksheet(name) for name in (SHEET, QUOTED)}
        for (name, row, column), value in CELLS.items():
            write = sheets[name].write_string if isinstance(value, str) else sheets[name].write
            write(row - 1, column - 1, value)
        for at, formula in formulas.items():
            sheets[at[0]].write_formula(at[1] - 1, at[2] - 1, "=" + formula, None, "")
        for name, formula in NAMES.items():
            workbook.define_name(name, "=" + formula)


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
def test_golden_values_are_those_of_libreoffice(tmp_path: Path) -> None:
    formulas = {place(cell): formula for cell, formula in MADE.items()}
    formulas |= {(SHEET, row, COLUMN): formula for row, (formula, _) in enumerate(GOLDEN, start=1)}
    book(tmp_path / "golden.xlsx", formulas)
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", "out", "golden.xlsx"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    sheet = openpyxl.load_workbook(tmp_path / "out" / "golden.xlsx", data_only=True)[SHEET]
    different = {
        formula: (found, wanted)
        for row, (formula, wanted) in enumerate(GOLDEN, start=1)
        if not alike(found := sheet.cell(row, COLUMN).value, wanted)
    }
    expected = {formula for formulas in DIFFERENT_IN_LIBREOFFICE.values() for formula in formulas}
    assert {formula: both for formula, both in different.items() if formula not in expected} == {}
    assert expected <= set(different), "no longer different"


def alike(found: object, wanted: Scalar) -> bool:
    """LibreOffice's file has no empty texts and no whole floats."""
    if isinstance(wanted, Error):
        return found == wanted.value
    if isinstance(wanted, float):
        return type(found) in (int, float) and math.isclose(float(str(found)), wanted, rel_tol=1e-12, abs_tol=1e-12)
    return (found or "") == wanted if isinstance(wanted, str) else found is wanted
