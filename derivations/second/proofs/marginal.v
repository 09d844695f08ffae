(* The forward chain, for every number of steps, by induction over the natural numbers.
   beta i and alpha i belong to step i + 1, so that the first step has index 0. *)
Require Import Reals Lra Lia.
Open Scope R_scope.

Definition rates (beta : nat -> R) : Prop := forall i, 0 < beta i < 1.

(* alpha_{k+1} ... alpha_t, empty where t <= k. *)
Fixpoint product (beta : nat -> R) (t k : nat) : R :=
  match t with
  | O => 1
  | S s => if Nat.leb (S s) k then 1 else (1 - beta s) * product beta s k
  end.

Definition alpha_bar (beta : nat -> R) (t : nat) : R := product beta t 0.

Fixpoint sum (t : nat) (f : nat -> R) : R :=
  match t with O => 0 | S s => sum s f + f s end.

Lemma sum_ext : forall t f g, (forall i, (i < t)%nat -> f i = g i) -> sum t f = sum t g.
Proof.
  induction t; intros f g same; simpl; [reflexivity|].
  rewrite (IHt f g), (same t); [reflexivity|lia|]. intros; apply same; lia.
Qed.

Lemma sum_scale : forall t c f, sum t (fun i => c * f i) = c * sum t f.
Proof. induction t; intros; simpl; [ring|rewrite IHt; ring]. Qed.

Lemma product_step : forall beta t k, (k <= t)%nat ->
  product beta (S t) k = (1 - beta t) * product beta t k.
Proof.
  intros. cbn [product]. destruct (Nat.leb_spec (S t) k); [lia|reflexivity].
Qed.

Lemma product_empty : forall beta t, product beta t t = 1.
Proof. destruct t; cbn [product]; [reflexivity|]. rewrite Nat.leb_refl. reflexivity. Qed.

(* The squares of the coefficients: alpha_t ... alpha_1 for x_0, and for noise i + 1
   beta_{i+1} alpha_{i+2} ... alpha_t; their sum is this number, for every t >= 1. *)
Definition squares_sum_to (total : (nat -> R) -> nat -> R) : Prop :=
  forall beta t, rates beta -> (1 <= t)%nat ->
  alpha_bar beta t + sum t (fun i => beta i * product beta t (S i)) = total beta t.

Theorem squares_holds : squares_sum_to (fun _ _ => 1).
Proof.
  intros beta t _ _. induction t as [|t IH]; [unfold alpha_bar; simpl; ring|].
  unfold alpha_bar in *. cbn [sum]. rewrite product_step by lia. rewrite product_empty.
  rewrite (sum_ext t _ (fun i => (1 - beta t) * (beta i * product beta t (S i)))).
  - rewrite sum_scale. nra.
  - intros i below. rewrite product_step by lia. ring.
Qed.

Definition half : nat -> R := fun _ => 1 / 2.
Lemma half_rates : rates half.
Proof. intro. unfold half. lra. Qed.

Theorem squares_wrong_first_left_out :
  ~ squares_sum_to (fun beta t => 1 - alpha_bar beta t).
Proof.
  intro claim. specialize (claim half 1%nat half_rates (le_n 1)).
  unfold alpha_bar, half in claim. simpl in claim. lra.
Qed.

(* Mean and variance of x_t given x_0: x_t = sqrt(alpha_t) x_{t-1} + sqrt(beta_t) z_t. *)
Fixpoint mean (beta : nat -> R) (x_0 : R) (t : nat) : R :=
  match t with O => x_0 | S s => sqrt (1 - beta s) * mean beta x_0 s end.

Fixpoint variance (beta : nat -> R) (t : nat) : R :=
  match t with
  | O => 0
  | S s => sqrt (1 - beta s) ^ 2 * variance beta s + sqrt (beta s) ^ 2
  end.

Definition marginal_is (mean_of : R -> R -> R) (variance_of : R -> R) : Prop :=
  forall beta x_0 t, rates beta ->
  mean beta x_0 t = mean_of (alpha_bar beta t) x_0 /\
  variance beta t = variance_of (alpha_bar beta t).

Lemma alpha_bar_step : forall beta t,
  alpha_bar beta (S t) = (1 - beta t) * alpha_bar beta t.
Proof. intros. apply product_step. lia. Qed.

Lemma alpha_bar_positive : forall beta t, rates beta -> 0 < alpha_bar beta t.
Proof.
  intros beta t H. induction t; [unfold alpha_bar; simpl; lra|].
  rewrite alpha_bar_step. specialize (H t). apply Rmult_lt_0_compat; lra.
Qed.

Theorem marginal_holds : marginal_is (fun a x_0 => sqrt a * x_0) (fun a => 1 - a).
Proof.
  intros beta x_0 t H. assert (below := alpha_bar_positive beta t H).
  induction t as [|t IH].
  - unfold alpha_bar. simpl. rewrite sqrt_1. split; ring.
  - destruct (IH (alpha_bar_positive beta t H)) as [m v].
    assert (now := alpha_bar_positive beta t H). specialize (H t).
    cbn [mean variance]. rewrite m, v, alpha_bar_step. split.
    + rewrite sqrt_mult by lra. ring.
    + rewrite !pow2_sqrt by lra. ring.
Qed.

Theorem marginal_wrong_no_root : ~ marginal_is (fun a x_0 => a * x_0) (fun a => 1 - a).
Proof.
  intro claim. destruct (claim half 1 1%nat half_rates) as [m _].
  unfold alpha_bar, half in m. simpl in m.
  assert (s := sqrt_sqrt (1 - 1 / 2)). nra.
Qed.

Theorem marginal_wrong_root_in_variance :
  ~ marginal_is (fun a x_0 => sqrt a * x_0) (fun a => 1 - sqrt a).
Proof.
  intro claim. destruct (claim half 1 1%nat half_rates) as [_ v].
  unfold alpha_bar, half in v. simpl in v. rewrite !Rmult_1_r in v.
  assert (s := sqrt_sqrt (1 - 1 / 2)). assert (u := sqrt_sqrt (1 / 2)). nra.
Qed.
