; The squared coefficients for every t, by induction.  signal = alpha_t ... alpha_1 is that of x_0,
; noise the sum of the others.  The step multiplies each by alpha = 1 - beta and adds beta.
(set-logic QF_NRA)
(declare-const beta Real)
(declare-const signal Real)
(declare-const noise Real)
(define-fun claimed ((s Real)) Real (- 1 s))
(assert (< 0 beta 1))
; t = 0
(push 1)
(assert (= signal 1))
(assert (= noise 0))
(assert (not (= noise (claimed signal))))
(check-sat)
(pop 1)
; from t - 1 to t
(push 1)
(assert (= noise (claimed signal)))
(assert (not (= (+ (* (- 1 beta) noise) beta) (claimed (* (- 1 beta) signal)))))
(check-sat)
(pop 1)
;@ witness (assert (and (= beta (/ 1 2)) (= signal 1) (= noise 0)))
;@ wrong the square of x_0 left out
;@ (define-fun claimed ((s Real)) Real 1)
;@ (assert (and (= beta (/ 1 2)) (= signal 1) (= noise 0)))
;@ wrong signal squared
;@ (define-fun claimed ((s Real)) Real (- 1 (* s s)))
;@ (assert (and (= beta (/ 1 2)) (= signal (/ 1 2)) (= noise (/ 3 4))))
